// The REST API as the dashboard uses it: docs/formats/api.md. The key lives in this browser only.

const kKeyName = "hone-key";

export const savedKey = () => localStorage.getItem(kKeyName) ?? "";
export const saveKey = (key: string) => localStorage.setItem(kKeyName, key);

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

async function ask<T>(path: string, options: { method?: string; body?: string }): Promise<T> {
  const key = savedKey();
  const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  if (options.body) headers["content-type"] = "application/json";
  const response = await fetch(`/api/v1/${path}`, { ...options, headers });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, body?.error?.message ?? response.statusText);
  return body as T;
}

export const get = <T>(path: string) => ask<T>(path, {});

// What a person says of an answer: docs/formats/feedback.md.
export interface Said {
  handle: { kind: "id"; value: string };
  kind: "rated" | "corrected" | "compared";
  value?: number;
  final_text?: string;
  against?: string;
  place?: "first" | "second";
}

// Of what was not acknowledged yet. Said again, it is the same feedback and not a second one.
const keysOfUnsent = new Map<string, string>();

export async function say(items: Said[]): Promise<void> {
  const told = JSON.stringify(items);
  const key = keysOfUnsent.get(told) ?? `review/${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  keysOfUnsent.set(told, key);
  const body = JSON.stringify(items.map((item, i) => ({ ...item, idempotency_key: `${key}/${i}` })));
  await ask("feedback", { method: "POST", body });
  keysOfUnsent.delete(told);
}

export type Verdict = "accepted" | "modified" | "rejected" | "contested";

export interface Counts {
  interactions: number;
  accepted: number;
  modified: number;
  rejected: number;
  contested: number;
  people: number;
  rate?: number;
  low?: number;
  high?: number;
}

export interface Acceptance {
  groups: (Counts & { name: string })[];
  total: Counts;
}

export interface Timeline {
  bucket_seconds: number;
  series: { name: string; points: (Counts & { at: number })[] }[];
}

export interface Interaction {
  id: string;
  person: string;
  person_id: string;
  team: string;
  tool: string;
  alias: string;
  arm: string;
  model: string;
  model_name: string;
  purpose: string;
  started_at: number;
  duration_ms: number;
  first_byte_ms: number;
  status: number;
  prompt_tokens: number;
  completion_tokens: number;
  content: string;
  error: string;
  verdict: Verdict | null;
  strength?: number;
  edit_distance?: number;
}

export interface Part {
  type: string;
  text?: string;
  name?: string;
  arguments?: unknown;
  content?: Part[];
  value?: unknown;
}

export interface Message {
  role: string;
  content: Part[];
}

export interface Feedback {
  id: string;
  kind: string;
  by: string;
  source: string;
  value?: number;
  final_text: string | null;
  comment: string | null;
  at: number;
}

export interface InteractionDetail extends Interaction {
  wire: string;
  upstream: string;
  stop_reason: string;
  context?: Message[];
  output?: Message[];
  final_text: string | null;
  policy: string | null;
  feedback: Feedback[];
  datasets: { digest: string; name: string; example: string; kind: string; split: string }[];
}

export interface Session {
  person: string;
  calls: {
    id: string;
    tool: string;
    model: string;
    status: number;
    error: string;
    started_at: number;
    context_node: string;
    output_node: string;
  }[];
  messages: { node: string; parent: string; depth: number; branch: number; message: Message }[];
  cut: boolean;
}

export interface Dataset {
  digest: string;
  name: string;
  seed: number;
  examples: number;
  counts: Record<string, Record<string, number>>;
  left_out: Record<string, number>;
  people: Record<string, number>;
  created_at: number | string;
}

export interface Quantiles {
  p10?: number;
  p50?: number;
  p90?: number;
  most?: number;
}

export interface Share {
  rate?: number;
}

// As Chat Completions has it.
export interface ExampleMessage {
  role: string;
  content: string | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}

// A line of a dataset (docs/formats/dataset.md), and where it came from.
export interface Example {
  id: string;
  kind: string;
  split: string;
  cut?: boolean;
  erased?: boolean;
  messages?: ExampleMessage[];
  prompt?: ExampleMessage[];
  tools?: { function: { name: string } }[];
  chosen?: string | ExampleMessage;
  rejected?: string | ExampleMessage;
  completion?: string | ExampleMessage;
  label?: boolean;
  margin?: number;
  verifier?: unknown;
  original?: string | ExampleMessage;
  final?: string | null;
  interactions: {
    id: string;
    person_id: string;
    person: string;
    verdict: Verdict | null;
    tool?: string;
    purpose?: string;
    started_at?: number; // absent: no longer stored
  }[];
}

export interface ExamplePage {
  examples: Example[];
  next: string | null;
}

export interface DatasetCard extends Dataset {
  sources?: Record<string, number>;
  domains?: Record<string, number>;
  teams?: Record<string, number>;
  verdicts?: Record<string, number>;
  languages: Record<string, number>;
  most_of_one_person: number;
  strength: Quantiles;
  characters: { prompt: Quantiles; answer: Quantiles };
  near_duplicates: Share & { likeness: number; examples: number };
  label_conflicts: Share & { judged_by_several?: number; in_conflict?: number };
  random_examples: Example[];
  recipe: string;
}

export interface CardAnswer {
  state: "making" | "ready";
  card: DatasetCard | null;
}

export interface Progress {
  step: number;
  steps: number;
  loss: number;
  learning_rate: number;
  tokens: number;
  seconds: number;
}

export interface Run {
  id: string;
  method: string;
  state: string;
  dataset: string;
  base_model: string;
  seed: number;
  started_at: number | string;
  progress?: Progress[];
}

export interface Check {
  name: string;
  passed: boolean;
  value: number;
  low: number;
  high: number;
  note: string;
}

export interface Model {
  digest: string;
  name: string;
  kind: string;
  parent: string;
  run: string;
  created_at: number;
  passed?: boolean;
  evaluation?: { checks?: Check[] } | null;
}

export interface Release {
  id: string;
  alias: string;
  baseline: string;
  candidate: string;
  state: string;
  reason: string;
  share: number;
  holdback: number;
  reserve: number;
  started_at: number;
  decided_at?: number;
  events?: { number: number; kind: string; at: number; detail: Record<string, unknown> | null }[];
}

export interface ReviewQueue {
  queue: { id: string; score: number; uncertainty: number; disagreement: number; recency: number }[];
  considered: number;
}

export interface Comparisons {
  pairs: {
    context: Message[];
    answers: { id: string; place: "first" | "second"; output: Message[] }[];
  }[];
  considered: number;
}
