import type { CombinedError } from "urql";
import { url } from "./client";

/** An error in the words of the API, with its code, and a button to try again. */
export function Problem({ error, what, again }: { error: CombinedError; what: string; again?: () => void }) {
  return (
    <div className="problem" role="alert">
      <p>
        <strong>{what}.</strong>{" "}
        {error.networkError ? `${url} does not answer: ${error.networkError.message}.` : null}
      </p>
      {error.graphQLErrors.map(({ message, path, extensions }, index) => (
        <p key={index}>
          {message} <code>{[extensions["code"], path?.join(".")].filter(Boolean).join(" at ")}</code>
        </p>
      ))}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}
