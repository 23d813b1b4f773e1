// What makes the pages quick for hands that know them. Everything works without it.
'use strict';

// The server writes times on the reader's clock once it knows where that is.
(() => {
  const secure = location.protocol === 'https:';
  const name = (secure ? '__Host-' : '') + 'siegel-zone';
  const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || '');
  if (zone && !document.cookie.split('; ').includes(name + '=' + zone)) {
    document.cookie = `${name}=${zone}; Path=/; Max-Age=15552000; SameSite=Lax${secure ? '; Secure' : ''}`;
  }
})();

// On a phone the line of pages is wider than the window: the one that is open is in it.
(() => {
  const here = document.querySelector('.head nav [aria-current]');
  if (!here) return;
  const line = here.parentElement;
  line.scrollLeft += here.getBoundingClientRect().left - line.getBoundingClientRect().left - (line.clientWidth - here.offsetWidth) / 2;
})();

// A page that answers a form is, in the browser's history, the page that has the form: who
// goes back to it or loads it again asks for that one, and nothing is sent a second time.
(() => {
  const again = document.querySelector('meta[name=again]');
  if (again) history.replaceState(null, '', again.content);
})();

// Keys of lists: j and k go down and up, o opens, x chooses, / searches, ? helps.
(() => {
  const rows = () => [...document.querySelectorAll('[data-row]')].filter((r) => r.checkVisibility());
  const target = (row) => row.querySelector('a[href], button, summary') || row;
  // Who reads beside the list is at the row that is read.
  const at = () => {
    const list = rows();
    const i = list.findIndex((r) => r.contains(document.activeElement));
    return i < 0 ? list.findIndex((r) => r.querySelector('a[data-pane][aria-current]')) : i;
  };
  const go = (i) => {
    const list = rows();
    const row = list[Math.max(0, Math.min(i, list.length - 1))];
    if (row) {
      target(row).focus();
      row.scrollIntoView({ block: 'nearest' });
    }
  };
  const keys = {
    j: () => go(at() + 1),
    k: () => go(at() < 0 ? 0 : at() - 1),
    o: () => { const i = at(); if (i >= 0) target(rows()[i]).click(); },
    x: () => { const i = at(); const box = i >= 0 && rows()[i].querySelector('input[type=checkbox]'); if (box) box.click(); },
    '/': () => { const q = document.querySelector('input[type=search]'); if (q) { q.focus(); q.select(); } else location.assign('/search'); },
    '?': () => { location.assign('/help#keys'); },
  };
  document.addEventListener('keydown', (e) => {
    const el = e.target;
    if (e.ctrlKey || e.altKey || e.metaKey || !keys[e.key] || el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && el.type !== 'checkbox') return;
    e.preventDefault();
    keys[e.key]();
  });
})();

// The code of an invitation is behind the # of its link, which no server sees. Who comes back
// to the form has it again: it stays in this entry of the browser's history, and nowhere else.
(() => {
  const field = document.querySelector('[data-code]');
  if (!field) return;
  const take = () => {
    if (location.hash.length > 1) field.value = location.hash.slice(1);
    else if (!field.value) field.value = (history.state && history.state.code) || '';
    if (field.value) history.replaceState({ ...history.state, code: field.value }, '', location.pathname + location.search);
  };
  take();
  addEventListener('hashchange', take);
  addEventListener('pageshow', take);
})();

// What was typed into a long form stays with it, in this entry of the browser's history: who
// comes back to it, or loads it or the step behind it again, does not type it once more.
(() => {
  const keep = (kept) => history.replaceState({ ...history.state, kept }, '');
  const carried = [...document.querySelectorAll('[data-carry]')];
  if (carried.length) keep(Object.fromEntries(carried.map((e) => [e.name, e.value])));
  const form = document.querySelector('form[data-keep]');
  if (!form) return;
  const save = () => keep(Object.fromEntries(new FormData(form)));
  const fill = () => {
    for (const [name, value] of Object.entries((history.state && history.state.kept) || {})) {
      const field = form.elements[name];
      if (field && !field.value) field.value = value;
    }
  };
  fill();
  save();
  for (const event of ['input', 'submit']) form.addEventListener(event, save);
  addEventListener('pageshow', fill);
})();

// Who is signed out meanwhile, sends a form and signs in again gets it back with what was
// typed, but for passwords: by this entry of the browser's history, until it is sent. A form
// says which page it is on, and who fills it in.
(() => {
  const who = document.querySelector('.who summary span');
  if (who) {
    document.addEventListener('formdata', (e) => {
      if (e.target.method !== 'post') return;
      e.formData.append('kept-page', location.pathname + location.search + location.hash);
      e.formData.append('kept-who', who.textContent);
    });
  }
  const back = document.querySelector('form[data-resume^="/"]');
  if (back) {
    const fields = [...back.querySelectorAll('input')].map((e) => [e.name, e.value]);
    history.replaceState({ resume: { action: back.getAttribute('action'), said: back.dataset.said, fields } }, '', back.dataset.resume);
    location.reload();
    return;
  }
  const fill = () => {
    const kept = history.state && history.state.resume;
    const form = kept && [...document.querySelectorAll('form[method=post]')].find((f) => f.getAttribute('action') === kept.action && !f.dataset.resumed && kept.fields.every(([n, v]) => {
      const e = f.elements[n]; // of several forms that go to one place it is the one with the same hidden fields
      return !e || e.type !== 'hidden' || n === 'once' || e.value === v;
    }));
    if (!form) return;
    form.dataset.resumed = 'yes';
    for (const e of form.elements) {
      if (!e.name || /^(hidden|password|submit|button)$/.test(e.type) || e.tagName === 'BUTTON') continue;
      const values = kept.fields.filter(([n]) => n === e.name).map(([, v]) => v);
      if (e.type === 'checkbox' || e.type === 'radio') e.checked = values.includes(e.value);
      else if (values.length) e.value = values[0];
    }
    for (let d = form.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    const note = document.createElement('p');
    note.className = 'note ok';
    note.setAttribute('role', 'status');
    note.textContent = kept.said;
    form.before(note);
    const first = [...form.elements].find((e) => e.type !== 'hidden');
    if (first) first.focus();
    note.scrollIntoView({ block: 'center' });
    form.addEventListener('submit', () => {
      const { resume, ...rest } = history.state || {};
      history.replaceState(rest, '');
    });
  };
  fill();
  document.addEventListener('htmx:afterSettle', fill);
})();

// What is shown once is chosen as a whole by a click, to be copied.
document.addEventListener('focusin', (e) => {
  if (e.target.matches && e.target.matches('[data-select]')) e.target.select();
});

// What could not be fetched is said where it would stand: nothing that was there before is
// taken for it.
(() => {
  const note = (text) => {
    const p = document.createElement('p');
    p.className = 'note bad';
    p.setAttribute('role', 'alert');
    p.textContent = text;
    return p;
  };
  const place = (target) => (target.id === 'results' ? target.firstElementChild : target);
  const say = (e, inside) => {
    const at = place(e.detail.target);
    const pager = at.matches('.hits > .pager'); // a next page: the way to it stays
    for (const old of at.querySelectorAll('.note.bad')) old.remove();
    if (pager) at.append(...inside);
    else at.replaceChildren(...inside);
  };
  document.addEventListener('htmx:responseError', (e) => {
    const page = new DOMParser().parseFromString(e.detail.xhr.responseText, 'text/html');
    const what = [...page.querySelectorAll('#main .note.bad, #main p.soft')].map((n) => note(n.textContent));
    const other = document.getElementById('main').dataset.failed;
    say(e, what.length ? what : [note(other)]);
  });
  for (const event of ['htmx:sendError', 'htmx:timeout']) {
    document.addEventListener(event, (e) => say(e, [note(document.getElementById('main').dataset.failed)]));
  }
})();

// A search that cannot be is marked at its field.
document.addEventListener('htmx:afterSwap', (e) => {
  const q = e.detail.target.id === 'results' && document.getElementById('q');
  if (!q) return;
  const wrong = document.getElementById('problem');
  for (const [name, value] of [['aria-invalid', 'true'], ['aria-describedby', 'problem']]) {
    if (wrong) q.setAttribute(name, value);
    else q.removeAttribute(name);
  }
});

// What helps with a search is folded once there is something to read.
document.addEventListener('htmx:afterSwap', (e) => {
  if (e.target.id !== 'results') return;
  for (const help of document.querySelectorAll('form[role=search] details, form[role=search] ~ .saved')) {
    if (!help.contains(document.activeElement)) help.open = false;
  }
});

// What lies open above a list is closed by a click elsewhere, and by Escape.
(() => {
  const close = (keep) => {
    for (const tool of document.querySelectorAll('.tool[open]')) {
      if (tool.contains(keep)) continue;
      const inside = tool.contains(document.activeElement);
      tool.open = false;
      if (inside) tool.querySelector('summary').focus();
    }
  };
  document.addEventListener('click', (e) => close(e.target));
  document.addEventListener('keydown', (e) => { if (e.key === 'Escape') close(null); });
})();

// An operator is put behind what was typed.
document.addEventListener('click', (e) => {
  const button = e.target.closest && e.target.closest('[data-insert]');
  const q = button && document.getElementById('q');
  if (!q) return;
  q.value = (q.value.trimEnd() + ' ' + button.dataset.insert).trimStart();
  q.focus();
});

// Where there is room, a message is read beside the list that it is in; the address says
// which, so that a reload shows it again.
(() => {
  const wide = () => window.htmx && document.getElementById('pane') && matchMedia('(min-width: 75rem)').matches;
  const current = () => document.querySelector('a[data-pane][aria-current]');
  const show = (path) => {
    document.querySelectorAll('a[data-pane][aria-current]').forEach((a) => a.removeAttribute('aria-current'));
    const link = document.querySelector(`a[data-pane][href="${path}"]`);
    if (link) link.setAttribute('aria-current', 'true');
    const pane = document.getElementById('pane');
    pane.setAttribute('aria-busy', 'true');
    setTimeout(() => {
      if (pane.getAttribute('aria-busy') !== 'true' || pane.firstElementChild) return;
      const wait = document.createElement('p');
      wait.className = 'soft';
      wait.textContent = document.getElementById('main').dataset.waiting;
      pane.append(wait);
    }, 300);
    htmx.ajax('GET', path, { target: '#pane', select: 'article.message, section.card', swap: 'innerHTML' });
  };
  // The list becomes narrow where the pane opens: what was clicked stays where it was. The
  // message has the focus, so that it is read and scrolled without many steps of Tab.
  let was = null;
  document.addEventListener('htmx:afterRequest', (e) => {
    if (e.detail.target.id === 'pane') e.detail.target.removeAttribute('aria-busy');
  });
  document.addEventListener('htmx:beforeSwap', (e) => {
    if (e.detail.target.id === 'pane') was = current() && current().getBoundingClientRect().top;
  });
  document.addEventListener('htmx:afterSwap', (e) => {
    if (e.detail.target.id !== 'pane' || !current()) return;
    if (was !== null) scrollBy(0, current().getBoundingClientRect().top - was);
    was = null;
    const message = e.detail.target.firstElementChild;
    if (!message || e.detail.target.contains(document.activeElement)) return;
    message.tabIndex = -1;
    message.focus({ preventScroll: true });
  });
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && current() && document.getElementById('pane').contains(document.activeElement)) current().focus();
  });
  document.addEventListener('click', (e) => {
    const link = e.target.closest && e.target.closest('a[data-pane], #pane .conversation a');
    if (!link || !wide() || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    history.replaceState(null, '', location.pathname + location.search + '#' + link.getAttribute('href'));
    show(link.getAttribute('href'));
  });
  // A reason that is asked for there is given there. Where it is not taken as what it is, such
  // as from who was signed out meanwhile, the form goes the way of all forms.
  document.addEventListener('submit', async (e) => {
    const form = e.target;
    const path = form.getAttribute('action') || '';
    if (!form.closest('#pane') || !/^\/message\/[0-9a-f]{32}$/.test(path) || form.elements.remote) return;
    e.preventDefault();
    if (form.dataset.sent) return;
    form.dataset.sent = 'yes';
    const pane = document.getElementById('pane');
    const inside = async () => {
      const answer = await fetch(path, { method: 'POST', body: new URLSearchParams(new FormData(form)), redirect: 'manual' });
      if (!answer.ok && answer.status !== 422) return null;
      return new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('article.message, section.card');
    };
    const part = await inside().catch(() => null);
    if (!part) {
      form.submit();
      return;
    }
    pane.replaceChildren(part);
    htmx.process(pane);
    part.tabIndex = -1;
    (pane.querySelector('[autofocus]') || part).focus({ preventScroll: true });
  });
  addEventListener('load', () => {
    if (/^#\/message\/[0-9a-f]{32}(\?case=[0-9a-f]{32})?$/.test(location.hash) && wide()) show(location.hash.slice(1));
  });
})();
document.documentElement.classList.add('script');
