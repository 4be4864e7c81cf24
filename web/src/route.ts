// Addresses: /, /interactions, /interactions/ID, … A link is an ordinary <a>; clicks stay in the page.
import { useEffect, useState } from "preact/hooks";

export function usePath(): string[] {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    const clicked = (event: MouseEvent) => {
      const link = (event.target as Element).closest?.("a");
      if (!link || link.origin !== location.origin || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      history.pushState(null, "", link.pathname + link.search);
      window.scrollTo(0, 0);
      moved();
    };
    addEventListener("popstate", moved);
    addEventListener("click", clicked);
    return () => {
      removeEventListener("popstate", moved);
      removeEventListener("click", clicked);
    };
  }, []);
  return path.split("/").filter(Boolean).map(decodeURIComponent);
}
