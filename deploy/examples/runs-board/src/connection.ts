// Whether the websocket is there, for components to show, and how often it has come: what was missed meanwhile is read again.
import { useSyncExternalStore } from "react";

type Status = "connecting" | "live" | "lost";

let now: { status: Status; times: number } = { status: "connecting", times: 0 };
const listeners = new Set<() => void>();

export function changed(status: Status) {
  now = { status, times: now.times + (status === "live" ? 1 : 0) };
  for (const listener of listeners) listener();
}

function listen(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useConnection = () => useSyncExternalStore(listen, () => now);
