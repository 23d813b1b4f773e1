// The proof page. Everything that came from outside becomes text by textContent; the
// page's policy (trusted types) makes any other way fail.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const policy = globalThis.trustedTypes?.createPolicy('siegel', { createScriptURL: (url) => url });
  const blobs = []; // addresses of blobs that a result has handed out
  let file = null; // the bundle
  let job = null; // the check at work
  let verifier = null; // compiled once, a promise; each check has a worker of its own

  // Language. Both are in the page; the other one is hidden.
  const titles = { de: 'Beweis prüfen · Siegel', en: 'Check a proof · Siegel' };
  let word = null; // of the verdict
  function speak(lang) {
    document.documentElement.lang = lang;
    document.title = (word ? word[lang] + ' · ' : '') + titles[lang];
    for (const b of document.querySelectorAll('.tongue')) b.setAttribute('aria-pressed', String(b.dataset.lang === lang));
  }
  for (const b of document.querySelectorAll('.tongue')) b.addEventListener('click', () => speak(b.dataset.lang));

  // Building. make('p', 'hint', child…) takes texts, elements and {en, de}.
  function make(tag, className, ...children) {
    const e = document.createElement(tag);
    if (className) e.className = className;
    for (const c of children) {
      if (c === null || c === undefined) continue;
      if (c.en !== undefined) e.append(spoken(c, 'de'), spoken(c, 'en'));
      else e.append(c);
    }
    return e;
  }
  const both = (en, de) => ({ en, de });

  // spoken gives a sentence in one language; moments in it become times of the reader's
  // zone, hashes are set apart.
  function spoken(sentence, lang) {
    const e = document.createElement('span');
    e.lang = lang;
    for (const part of sentence[lang].split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\b[0-9a-f]{64}\b|SHA-256)/)) {
      if (/^\d{4}-.*Z$/.test(part)) e.append(moment(part, lang));
      else if (/^[0-9a-f]{64}$/.test(part)) e.append(make('code', '', part));
      else if (part === 'SHA-256') e.append(make('span', 'whole', part));
      else e.append(part);
    }
    return e;
  }
  function moment(utc, lang) {
    const t = document.createElement('time');
    t.dateTime = utc;
    t.title = utc.replace('T', ' ').replace('Z', ' UTC');
    t.textContent = new Intl.DateTimeFormat(lang === 'de' ? 'de-DE' : 'en-GB', {
      year: 'numeric', month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
    }).format(new Date(utc));
    return t;
  }
  const at = (utc) => make('span', '', both(utc, utc));
  const number = (n) => both(n.toLocaleString('en-GB') + ' bytes', n.toLocaleString('de-DE') + ' Bytes');

  function icon(name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    use.setAttribute('href', '#i-' + name);
    svg.append(use);
    return svg;
  }

  // What was given. A change of it takes the result away, which no longer fits.
  function forget() {
    job?.worker?.terminate();
    job = null;
    word = null;
    $('work').hidden = true;
    $('check').disabled = false;
    $('result').hidden = true;
    $('ask').hidden = false;
    $('result').replaceChildren();
    for (const url of blobs.splice(0)) URL.revokeObjectURL(url);
    for (const id of ['bundle', 'key', 'roots']) wrong(id, null);
    speak(document.documentElement.lang);
  }
  function wrong(id, what) {
    $(id + '-wrong').replaceChildren(...(what ? [make('span', '', what)] : []));
    if (what) $(id).setAttribute('aria-invalid', 'true');
    else $(id).removeAttribute('aria-invalid');
  }
  function choose(f) {
    forget();
    file = f;
    if (f && able()) {
      verifier ??= compile(); // while the visitor looks for the key
      verifier.catch(() => {}); // run says so
    }
    $('bundle-name').replaceChildren(...(f ? [f.name + ' ', make('span', 'hint', number(f.size))] : []));
  }
  const most = 1 << 20; // of a key's or certificates' file, in octets
  async function fill(id, f) {
    forget();
    if (f.size > most) {
      wrong(id, both('This file is too large to be one.', 'Diese Datei ist zu groß dafür.'));
      return;
    }
    $(id).value = (await f.text()).replaceAll('\0', '').trim();
  }
  $('bundle').addEventListener('change', () => { if ($('bundle').files.length) choose($('bundle').files[0]); });
  for (const id of ['key', 'roots']) {
    $(id).addEventListener('input', forget);
    $(id + '-file').addEventListener('change', async () => {
      const f = $(id + '-file').files[0];
      $(id + '-file').value = ''; // so that the same file can be chosen again
      if (f) await fill(id, f);
    });
  }

  // sort says what a dropped file is, by what is in it.
  async function sort(f) {
    if (f.size > most) return 'bundle';
    const text = await f.text();
    if (text.startsWith('PK')) return 'bundle';
    if (text.includes('-----BEGIN CERTIFICATE')) return 'roots';
    return text.length < 4096 && /^[^\s+]+\+[0-9a-f]{8}\+\S+\s*$/.test(text) || /\.(pub|vkey|pem)$/i.test(f.name) ? 'key' : 'bundle';
  }
  let depth = 0; // of elements that a dragged file is over
  const over = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('over', depth > 0);
  };
  addEventListener('dragenter', (e) => { e.preventDefault(); over(1); });
  addEventListener('dragleave', () => over(-1));
  addEventListener('dragover', (e) => e.preventDefault());
  addEventListener('drop', async (e) => {
    e.preventDefault();
    over(-depth);
    let bundles = 0;
    for (const f of Array.from(e.dataTransfer.files).slice(0, 10)) {
      const kind = await sort(f);
      if (kind !== 'bundle') await fill(kind, f);
      else if (bundles++ === 0) choose(f);
    }
    if (bundles > 1) wrong('bundle', both('One bundle is checked at a time; the first was taken.', 'Geprüft wird ein Paket nach dem anderen; genommen wurde das erste.'));
  });

  // Checking.
  $('form').addEventListener('submit', (e) => {
    e.preventDefault();
    forget();
    if (!file) {
      wrong('bundle', both('Choose the bundle first.', 'Wählen Sie zuerst das Beweispaket.'));
      $('bundle').focus();
      return;
    }
    if (!able()) {
      fail(both('This browser is too old for it. Use a newer one, or the program siegel-verify.', 'Dieser Browser ist zu alt dafür. Nehmen Sie einen neueren oder das Programm siegel-verify.'));
      return;
    }
    run();
  });
  $('stop').addEventListener('click', () => { forget(); $('check').focus(); });

  function fail(what) {
    forget();
    wrong('bundle', what);
  }
  const able = () => Boolean(globalThis.DecompressionStream && globalThis.WebAssembly);
  // On a slow line the form is there before the verifier is.
  const whole = new Promise((done) => {
    if (document.readyState === 'loading') addEventListener('DOMContentLoaded', done, { once: true });
    else done();
  });
  // The verifier is in the page, or beside it, so that the page is there soon. Then it is taken
  // when a visitor begins with the form, as a script whose hash the page knows; and the page
  // shuts itself: from then on its policy is that of a saved copy, which allows no connection.
  let here = null; // a promise: the verifier is in the page
  function bring() {
    here ??= whole.then(() => $('wasm').dataset.src ? take($('wasm').dataset) : null);
    here.catch(() => { here = null; }); // so that it is tried again
    return here;
  }
  const unloaded = new Error('the verifier was not loaded');
  function take({ src, sum }) {
    return new Promise((done, failed) => {
      const script = document.createElement('script');
      script.integrity = sum;
      script.onload = () => { script.remove(); shut(); done(); };
      script.onerror = () => { script.remove(); failed(unloaded); };
      script.src = policy ? policy.createScriptURL(src) : src;
      document.head.append(script);
    });
  }
  function shut() {
    const was = document.querySelector('meta[http-equiv=Content-Security-Policy]');
    const strict = was.cloneNode();
    strict.content = was.content.replace(" 'self'", '');
    was.replaceWith(strict); // what was said stays in force; a policy more can only forbid
    $('wasm').removeAttribute('data-src');
    $('wasm').removeAttribute('data-sum');
  }
  const early = () => { bring().catch(() => {}); }; // run says so
  $('form').addEventListener('focusin', early, { once: true });
  addEventListener('dragenter', early, { once: true });
  async function compile() {
    await bring();
    const packed = Uint8Array.from(atob($('wasm').content.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return WebAssembly.compile(await new Response(stream).arrayBuffer());
  }
  const checking = both('Checking …', 'Wird geprüft …');
  const say = (what) => $('working').replaceChildren(make('span', '', what));
  async function run() {
    const mine = { worker: null, file };
    job = mine;
    $('check').disabled = true;
    $('progress').removeAttribute('value');
    $('share').textContent = '';
    setTimeout(() => { if (job === mine) $('work').hidden = false; }, 300);
    say($('wasm').dataset.src ? both('Loading the verifier …', 'Das Prüfprogramm wird geladen …') : checking);
    try {
      verifier ??= compile();
      const compiled = await verifier;
      if (job !== mine) return;
      say(checking);
      start(mine, compiled);
    } catch (e) {
      verifier = null;
      if (job === mine) fail(e === unloaded ? missing : broken);
    }
  }
  const missing = both('The verifier could not be loaded from this server. Try again, or take the page to save (siegel-proof.html), which has it inside.', 'Das Prüfprogramm ließ sich von diesem Server nicht laden. Versuchen Sie es noch einmal, oder nehmen Sie die Seite zum Speichern (siegel-proof.html), die es in sich hat.');
  const broken = both('The check came to no end in this browser. Use the program siegel-verify.', 'Die Prüfung kam in diesem Browser zu keinem Ende. Nehmen Sie das Programm siegel-verify.');
  function start(mine, compiled) {
    const code = URL.createObjectURL(new Blob([$('worker').textContent], { type: 'text/javascript' }));
    const worker = new Worker(policy ? policy.createScriptURL(code) : code);
    URL.revokeObjectURL(code);
    mine.worker = worker;
    worker.onerror = (e) => { e.preventDefault(); if (job === mine) fail(broken); };
    worker.onmessage = ({ data }) => {
      if (job !== mine) return;
      if (data.share !== undefined) {
        $('progress').value = data.share;
        $('share').textContent = data.share + ' %';
      } else if (data.answer) {
        forget();
        answer(data.answer, mine.file);
      } else {
        fail(broken);
      }
    };
    const octets = (id) => new TextEncoder().encode($(id).value);
    worker.postMessage({ file: mine.file, key: octets('key'), roots: octets('roots'), verifier: compiled });
  }

  // Showing.
  function answer(a, given) {
    if (a.wrong) {
      for (const w of a.wrong) wrong(w.field, w.what);
      $(a.wrong[0].field).focus();
      return;
    }
    const verdict = { verified: 'ok', consistent: 'note', refused: 'failed' }[a.account.verdict];
    const head = make('h2', '', a.account.word);
    head.id = 'verdict';
    head.tabIndex = -1;
    const doubts = a.account.steps.filter((s) => s.outcome === 'warning').map((s) => s.title.en);
    const sentence = (s) => doubts.includes(s.en) ? make('p', 'doubt warning', icon('warning'), make('span', '', s)) : make('p', '', s);
    const shown = make('div', `card verdict ${verdict === 'note' ? 'consistent' : verdict}`, icon(verdict), make('div', '', head, ...a.account.said.map(sentence)));
    shown.dataset.verdict = a.account.verdict;
    const print = button(both('Print', 'Drucken'), () => globalThis.print());
    const again = button(both('Change what was given, or check another bundle', 'Angaben ändern oder ein anderes Paket prüfen'), () => { forget(); $('bundle').focus(); });
    again.id = 'again';
    $('result').append(shown, make('div', 'actions', print, again));
    if (a.letter) $('result').append(letter(a, given));
    // What is no bundle has no steps beside what was said of it.
    if (!a.report.foreign) $('result').append(make('h2', '', both('Step by step', 'Schritt für Schritt')), make('ol', 'steps', ...a.account.steps.map(step)));
    $('result').append(
      make('h2', '', a.account.verdict === 'refused' ? both('What this does not mean', 'Was das nicht heißt') : both('What was not checked', 'Was nicht geprüft wurde')),
      make('ul', 'plain', ...a.account.open.map((s) => make('li', '', s))),
      make('h2', '', both('Record of this check', 'Protokoll dieser Prüfung')), record(a, given));
    $('result').hidden = false;
    $('ask').hidden = true;
    word = a.account.word;
    speak(document.documentElement.lang);
    head.focus();
    scrollTo(0, 0);
  }

  const states = {
    ok: both('passed', 'in Ordnung'), note: both('note', 'Hinweis'), warning: both('warning', 'Warnung'), failed: both('failed', 'gescheitert'),
    unreached: both('not checked', 'nicht geprüft'),
  };
  function step(s) {
    const lines = make('ul', '', ...(s.lines || []).map((l) => make('li', '', make('code', '', l.check), ': ', l)));
    const details = make('details', '', make('summary', '', both('Technical details', 'Technische Einzelheiten')), lines);
    const li = make('li', s.outcome, make('span', 'state', icon(s.outcome), make('span', '', states[s.outcome])),
      make('div', '', make('p', 'title', s.title), make('p', 'meaning', s.meaning), s.lines?.length ? details : null));
    li.dataset.step = s.name;
    li.dataset.outcome = s.outcome;
    return li;
  }

  function button(name, action) {
    const b = make('button', '', name);
    b.type = 'button';
    b.addEventListener('click', action);
    return b;
  }
  function rows(list) {
    return make('dl', '', ...list.filter(([, v]) => v).map(([name, v]) => make('div', '', make('dt', '', name), make('dd', '', v))));
  }
  const said = (s) => s ? make('bdi', '', s) : null;

  function letter(a, given) {
    const l = a.letter;
    const card = make('div', 'card letter', make('p', 'subject', said(l.subject) || make('span', '', both('(no subject)', '(ohne Betreff)'))), rows([
      [both('From', 'Von'), said(l.from)], [both('To', 'An'), said(l.to)], [both('Copy', 'Kopie'), said(l.cc)],
      [both('Date', 'Datum'), l.date ? at(l.date) : null],
      [both('Attachments', 'Anlagen'), l.attached ? make('ul', 'lines', ...l.attached.map((f) => make('li', '', said(f.name || f.type), ' ', make('span', 'hint', number(f.size))))) : null],
      [both('Delivery, as entered', 'Zustellung, wie eingetragen'), a.report.facts.envelope ? make('ul', 'lines', ...a.report.facts.envelope.map((line) => make('li', '', make('code', '', line)))) : null],
    ]));
    card.append(make('p', 'hint', both('The letterhead is what the sender wrote; it is shown as it is and proves nothing about him.',
      'Der Briefkopf ist, was der Absender geschrieben hat; er wird gezeigt, wie er ist, und beweist nichts über ihn.')));
    if (l.text) card.append(make('details', '', make('summary', '', both('Text of the message', 'Text des Schreibens')), make('pre', '', l.text)));
    if (l.opaque) card.append(make('p', 'hint', both('Part of it is encrypted.', 'Ein Teil davon ist verschlüsselt.')));
    if (l.cut) card.append(make('p', 'hint', both('Not all of it is shown here; the file has it all.', 'Hier ist nicht alles gezeigt; die Datei hat alles.')));
    const save = make('a', 'button', both('Save the message (EML)', 'Schreiben speichern (EML)'));
    save.href = URL.createObjectURL(given.slice(l.offset, l.offset + l.size, 'message/rfc822'));
    save.download = a.report.facts.id + '.eml';
    save.id = 'save';
    blobs.push(save.href);
    card.append(make('div', 'actions', save));
    return make('div', '', make('h2', '', both('The message', 'Das Schreiben')), card);
  }

  function record(a, given) {
    const f = a.report.facts;
    const code = (s) => s ? make('code', '', s) : null;
    const list = [
      [both('File', 'Datei'), make('span', '', said(given.name), ', ', make('span', '', number(given.size)))],
      [both('SHA-256 of the file', 'SHA-256 der Datei'), code(a.sha256)],
      [both('Checked', 'Geprüft'), at(new Date().toISOString().replace(/\.\d+/, ''))],
    ];
    if (a.account.verdict === 'refused') return rows(list); // the rest would be claims that nothing holds
    return rows(list.concat([
      [both('Message', 'Nachricht'), code(f.id)],
      [both('SHA-256 of the message', 'SHA-256 des Schreibens'), code(f.sha256)],
      [both('Ledger', 'Journal'), f.log ? make('span', '', make('code', '', f.log), make('span', '', both(', entry ' + f.index, ', Eintrag ' + f.index))) : null],
      [both('Instance', 'Instanz'), code(f.instance)],
      [both('Came from', 'Eingang'), code(f.source)],
      [both('Decision', 'Entscheidung'), code(f.decision)],
      [both('Key, SHA-256', 'Schlüssel, SHA-256'), code(f.key_sha256)],
      [both('Timestamp authority', 'Zeitstempelstelle'), said(f.tsa)],
      [both('Its root, SHA-256', 'Deren Wurzel, SHA-256'), code(f.tsa_root_sha256)],
    ]));
  }

  // A print shows what is folded up.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = Array.from(document.querySelectorAll('#result details:not([open])'));
    for (const d of folded) d.open = true;
  });
  addEventListener('afterprint', () => { for (const d of folded.splice(0)) d.open = false; });

  // A saved page may have been saved with a result in it.
  if (location.protocol === 'file:') $('take').hidden = true;
  $('form').reset();
  document.documentElement.lang = location.hash === '#de' || location.hash === '#en' ? location.hash.slice(1) : navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en';
  choose(null);
})();
