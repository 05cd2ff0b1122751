// A REST call as a command, for the REST API that the gateway serves beside this page.
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curl({ method, path, body }) {
  const words = ["curl", "-X", method, quoted(new URL(`api${path}`, window.location.href).href)];
  if (body !== null) words.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(body)));
  return words.join(" ");
}

// Copies a text; resolves to whether that was possible.
export async function copy(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  // Without https, browsers let a page copy only what is selected.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
