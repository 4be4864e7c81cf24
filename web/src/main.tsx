// The dashboard: a frame, a key form where one is needed, and the pages.
import { render } from "preact";
import { useState } from "preact/hooks";
import { ApiError, saveKey, savedKey } from "./api";
import { Compare } from "./compare";
import { useData } from "./data";
import { DatasetPage, ExamplePageOfOne, ExamplesPage } from "./dataset";
import { InteractionPage, Interactions } from "./interactions";
import { Overview } from "./overview";
import { Releases } from "./releases";
import { Review } from "./review";
import { usePath } from "./route";
import { SessionPage } from "./session";
import "./style.css";
import { Datasets, Models, Runs } from "./training";

const kPages: [string, string][] = [
  ["", "Overview"],
  ["interactions", "Interactions"],
  ["review", "Review"],
  ["datasets", "Datasets"],
  ["runs", "Runs"],
  ["models", "Models"],
  ["releases", "Releases"],
];

function Page(props: { path: string[] }) {
  const [page, id, part, name] = props.path;
  switch (page) {
    case undefined:
      return <Overview />;
    case "interactions":
      return id ? <InteractionPage id={id} /> : <Interactions />;
    case "review":
      return id === "pairs" ? <Compare /> : <Review />;
    case "sessions":
      return id ? <SessionPage name={id} /> : <Interactions />;
    case "datasets":
      if (!id) return <Datasets />;
      if (part !== "examples") return <DatasetPage digest={id} />;
      return name ? <ExamplePageOfOne digest={id} id={name} /> : <ExamplesPage digest={id} />;
    case "runs":
      return <Runs />;
    case "models":
      return <Models />;
    case "releases":
      return <Releases />;
    default:
      return <p class="problem">There is no page here.</p>;
  }
}

function KeyForm() {
  const [key, setKey] = useState(savedKey());
  const submit = (event: Event) => {
    event.preventDefault();
    saveKey(key.trim());
    location.reload();
  };
  return (
    <form class="key" onSubmit={submit}>
      <h1>Your key</h1>
      <p>
        Paste your Hone API key; it stays in this browser. `hone key create --person NAME` makes one. With
        the role employee you see what is yours.
      </p>
      <input
        type="password"
        aria-label="API key"
        placeholder="hone_sk_…"
        value={key}
        onInput={(e) => setKey(e.currentTarget.value)}
      />
      <button>Open</button>
    </form>
  );
}

function App() {
  const path = usePath();
  const me = useData<{ name?: string; role: string; sees_everyone: boolean }>("me");
  const locked = me.error instanceof ApiError && me.error.status === 401;
  return (
    <>
      <nav>
        <a class="brand" href="/">
          Hone
        </a>
        {kPages.map(([name, title]) => (
          <a key={name} href={`/${name}`} aria-current={(path[0] ?? "") === name ? "page" : undefined}>
            {title}
          </a>
        ))}
        <span class="me">{me.value?.name ?? me.value?.role ?? ""}</span>
      </nav>
      <main>{locked ? <KeyForm /> : <Page path={path} />}</main>
    </>
  );
}

render(<App />, document.getElementById("app")!);
