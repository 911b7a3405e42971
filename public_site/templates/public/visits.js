(() => {
  const facts = {{ facts|tojson }};
  const home = new URL(document.currentScript.src).origin;
  if (navigator.globalPrivacyControl || navigator.doNotTrack === "1") return;
  const read = () => { try { return JSON.parse(localStorage.getItem(facts.key)); } catch { return null; } };
  const keep = what => { try { localStorage.setItem(facts.key, JSON.stringify(what)); } catch { /* kept nowhere */ } };
  const tell = (token, type) => navigator.sendBeacon(home + facts.send, JSON.stringify({ token, type }));
  const today = () => new Date().toISOString().slice(0, 10);
  const mark = /(?:^#|&)crm=([\w.-]+)/.exec(location.hash);
  if (mark) history.replaceState(history.state, "", location.pathname + location.search);
  const back = token => { tell(token, facts.kind); keep({ token, day: today() }); };

  const known = read();
  if (known === "no") return;
  if (known?.token) {
    if (known.day !== today()) back(mark?.[1] ?? known.token);
    return;
  }
  if (!mark) return;

  const bar = document.createElement("div");
  bar.setAttribute("role", "region");
  bar.setAttribute("aria-label", facts.ask);
  Object.assign(bar.style, {
    position: "fixed", inset: "auto 0 0 0", zIndex: "2147483647", display: "flex", flexWrap: "wrap", gap: "12px",
    alignItems: "center", justifyContent: "center", padding: "14px 16px", background: "#1f2933", color: "#ffffff",
    font: "16px/1.4 system-ui, sans-serif",
  });
  const text = document.createElement("span");
  text.textContent = facts.ask;
  bar.append(text);
  const answer = (label, act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    Object.assign(button.style, {
      font: "inherit", padding: "8px 22px", minHeight: "44px", borderRadius: "6px", border: "1px solid #ffffff",
      background: "transparent", color: "#ffffff", cursor: "pointer",
    });
    button.addEventListener("click", () => { bar.remove(); act(); });
    bar.append(button);
  };
  answer(facts.no, () => { keep("no"); tell(mark[1], "no"); });
  answer(facts.yes, () => { tell(mark[1], "yes"); back(mark[1]); });
  document.body.append(bar);
})();
