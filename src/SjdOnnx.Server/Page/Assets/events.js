// Reads server-sent events from the answer to a POST, which EventSource cannot send.

/** Yields {name, data} for each event; comments are skipped. */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const event = parse(text.slice(0, end));
      if (event) yield event;
    }
  }
}

function parse(block) {
  let name = "message";
  let data = null;
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data = JSON.parse(line.slice(6));
  }
  return data && { name, data };
}

/** The bytes of a file in base64. */
export function blobOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type });
}
