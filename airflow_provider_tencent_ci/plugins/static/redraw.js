// Drawing again without moving what is read: nodes stay where they can, so focus, selection, scroll and open details stay.

// Make the children of a parent those that were drawn last, and keep the reader's row in its place on the screen.
export function redraw(parent, children) {
  const row = readersRow(parent);
  const before = row?.getBoundingClientRect().top;
  const key = document.activeElement?.dataset?.key;
  patchChildren(parent, [children].flat().filter(Boolean));
  if (row?.isConnected) scrollBy(0, row.getBoundingClientRect().top - before);
  if (key && document.activeElement === document.body) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// The row with the focus or the selection; in a page that was scrolled, the first row on the screen.
function readersRow(parent) {
  const rowOf = (node) => (parent.contains(node) ? (node.closest ? node : node.parentElement).closest("[data-key]") : null);
  const selected = getSelection().isCollapsed ? null : getSelection().anchorNode;
  const found = rowOf(document.activeElement) ?? rowOf(selected);
  if (found || scrollY === 0) return found;
  return [...parent.querySelectorAll("tr[data-key]")].find((row) => row.getBoundingClientRect().bottom > 0) ?? null;
}

function patch(old, drawn) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== drawn.data) old.data = drawn.data;
    return;
  }
  const stays = old.hasAttribute("data-stays");
  for (const { name } of [...old.attributes]) if (!drawn.hasAttribute(name) && !isReaders(old, name)) old.removeAttribute(name);
  for (const { name, value } of drawn.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of ["onclick", "onchange", "onsubmit", "ontoggle", "oninput"]) if (old[name] !== drawn[name]) old[name] = drawn[name];
  // Such a node fills itself, or has the text that a user types.
  if (!stays) patchChildren(old, [...drawn.childNodes]);
}

// Whether the reader has set it: by opening something, or by a search.
const isReaders = (node, name) => (node.nodeName === "DETAILS" && name === "open") || (node.nodeName === "TR" && name === "hidden");

function patchChildren(parent, drawn) {
  const keyed = new Map([...parent.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let at = parent.firstChild;
  for (const node of drawn) {
    const wanted = keyOf(node);
    // Nodes that are gone are removed first, so that the others need not be moved.
    while (at && keyOf(at) && keyOf(at) !== wanted && !drawn.some((other) => keyOf(other) === keyOf(at))) at = removed(at);
    const old = wanted ? keyed.get(wanted) : at && !keyOf(at) && isAlike(at, node) ? at : null;
    if (!old || !isAlike(old, node)) {
      parent.insertBefore(node, at);
      continue;
    }
    if (old === at) at = at.nextSibling;
    else parent.insertBefore(old, at);
    patch(old, node);
  }
  while (at) at = removed(at);
}

const keyOf = (node) => node.dataset?.key ?? "";

const isAlike = (old, drawn) => old.nodeType === drawn.nodeType && old.nodeName === drawn.nodeName;

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
