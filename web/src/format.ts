// How numbers, times and names are written everywhere.

export const percent = (share: number | undefined) =>
  share === undefined ? "–" : `${(100 * share).toFixed(1)}%`;

export const count = (n: number) => n.toLocaleString("en");

export const short = (digest: string) => (/^[0-9a-f]{64}$/.test(digest) ? digest.slice(0, 12) : digest);

export const words = (name: string) => name.replaceAll("_", " ");

export function time(at: number | string): string {
  const date = new Date(at);
  const day = date.toLocaleDateString("en-CA");
  const clock = date.toLocaleTimeString("en-GB");
  return day === new Date().toLocaleDateString("en-CA") ? clock : `${day} ${clock}`;
}

export const duration = (ms: number) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);
