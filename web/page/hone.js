// Hone: what people make of an answer, said by a page of your own: docs/guides/pages.md.
//   <script src="https://HONE/hone.js" data-key="hone_sk_KEY"></script>
//   hone.shown(h)  hone.accepted(h)  hone.edited(h, text)  hone.rejected(h, comment)
// Nothing here throws into the page, makes it wait, or reads anything from Hone.
(function () {
  "use strict";
  var script = document.currentScript || { dataset: {} };
  var pending = []; // oldest first; each stays until it is acknowledged or refused
  var busy = false, tries = 0, timer = 0;

  function warn(what) {
    try { console.warn("hone.js:", what); } catch (e) { /* nobody to tell */ }
  }
  function safely(work) {
    return function () {
      try { return work.apply(null, arguments); } catch (e) { warn(e); }
    };
  }
  function address() {
    return (script.dataset.address || new URL(script.src).origin) + "/api/v1/feedback";
  }
  // For the next page of this tab: the server stores the same idempotency_key once.
  function keep() {
    try { sessionStorage.setItem("hone " + hone.key, JSON.stringify(pending)); } catch (e) { /* in memory only */ }
  }
  function drop(item) {
    pending = pending.filter(function (one) { return one !== item; });
    tries = 0;
    keep();
  }
  function next() {
    busy = false;
    send();
  }
  function later() {
    busy = false;
    timer = setTimeout(send, Math.min(60000, 500 * Math.pow(2, ++tries)));
  }
  var send = safely(function () {
    clearTimeout(timer);
    var item = pending[0];
    if (busy || !item) return;
    var body = JSON.stringify(item);
    var options = { method: "POST", body: body, credentials: "omit", headers: { "content-type": "application/json" } };
    if (hone.key) options.headers.authorization = "Bearer " + hone.key;
    options.keepalive = body.length < 20000; // browsers allow 64 KiB
    if (window.AbortSignal && AbortSignal.timeout) options.signal = AbortSignal.timeout(30000);
    var answered = fetch(address(), options);
    busy = true;
    answered.then(function (answer) {
      var status = answer.status;
      if (answer.ok) return drop(item);
      if (status >= 500 || status === 408 || status === 429) throw status;
      return answer.text().then(function (text) {
        warn(item.kind + " is refused: " + text);
        drop(item);
      });
    }).then(next, later);
  });
  function say(kind, handle, more) {
    if (!handle) return warn(kind + " without a handle");
    var item = { handle: handle, kind: kind, at: new Date().toISOString() };
    item.idempotency_key = "page/" + crypto.getRandomValues(new Uint32Array(4)).join("-");
    for (var name in more) if (more[name] !== undefined) item[name] = more[name];
    if (pending.length > 99) warn("100 wait; dropped: " + pending.splice(1, 1)[0].kind);
    pending.push(item);
    keep();
    send();
  }
  var hone = {
    key: script.dataset.key || "",
    shown: safely(function (handle) { say("shown", handle); }),
    accepted: safely(function (handle) { say("accepted", handle); }),
    edited: safely(function (handle, text) { say("edited", handle, { final_text: String(text) }); }),
    rejected: safely(function (handle, comment) { say("rejected", handle, { comment: comment }); }),
    // For pages that do not wait for this file: (window.hone = window.hone || []).push(["shown", h])
    push: safely(function (call) { hone[call[0]].apply(null, call.slice(1)); })
  };
  // A beacon outlives the page. It asks no preflight, so the key goes inside.
  addEventListener("pagehide", safely(function () {
    pending.forEach(function (item) {
      navigator.sendBeacon(address(), JSON.stringify({ key: hone.key, feedback: item }));
    });
  }));
  addEventListener("online", send);
  var early = window.hone;
  window.hone = hone;
  safely(function () { pending = pending.concat(JSON.parse(sessionStorage.getItem("hone " + hone.key)) || []); })();
  if (Array.isArray(early)) early.forEach(hone.push);
  send();
})();
