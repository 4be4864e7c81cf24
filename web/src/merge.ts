// Two texts side by side, the right one to be changed: CodeMirror's merge view. In a file of its own
// (and loaded when somebody corrects something), for it is larger than all the rest.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";

interface Acts {
  save: () => void;
  cancel: () => void;
}

export function openMerge(parent: HTMLElement, before: string, acts: Acts) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const both = [
    EditorView.lineWrapping,
    EditorView.theme(
      {
        "&": { color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: "13px" },
        ".cm-content": { caretColor: "var(--ink)", fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace' },
        "&.cm-focused": { outline: "2px solid var(--accent)" },
      },
      { dark },
    ),
    // An answer keeps the line ends that it came with.
    before.includes("\r\n") ? EditorState.lineSeparator.of("\r\n") : [],
  ];
  const act = (run: () => void) => () => {
    run();
    return true;
  };
  const view = new MergeView({
    parent,
    a: {
      doc: before,
      extensions: [
        both,
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.contentAttributes.of({ "aria-label": "The answer" }),
      ],
    },
    b: {
      doc: before,
      extensions: [
        both,
        history(),
        keymap.of([
          { key: "Mod-Enter", run: act(acts.save) },
          { key: "Escape", run: act(acts.cancel) },
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        EditorView.contentAttributes.of({ "aria-label": "Your correction" }),
      ],
    },
  });
  view.b.focus();
  return { text: () => view.b.state.sliceDoc(), close: () => view.destroy() };
}
