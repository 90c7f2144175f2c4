// The sandbox's own endpoints.

export class RefusedError extends Error {}

export async function send(method, path, given) {
  const response = await fetch(`/sandbox/${path}`, {
    method,
    headers: given === undefined ? {} : { "content-type": "application/json" },
    body: given === undefined ? undefined : JSON.stringify(given),
  });
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const answer = isJson ? await response.json() : null;
  if (!response.ok) throw new RefusedError(answer?.detail ?? `The sandbox answered ${response.status}.`);
  return answer;
}

export const read = (look) => send("GET", `page/state?${new URLSearchParams(look)}`);
