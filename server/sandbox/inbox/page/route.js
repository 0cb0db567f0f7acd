/** The route of the page: #/view/item?account=name. */

/** @returns {{view: string, item: string, account: string}} */
export function readPlace() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, item] = path.split("/");
  return {
    view: decoded(view) || "messages",
    item: decoded(item),
    account: new URLSearchParams(query).get("account") ?? "",
  };
}

/** @param {string | undefined} text */
function decoded(text) {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    return "";
  }
}

/**
 * @param {string} view
 * @param {string | number} [item] the open item in it
 * @param {string} [account] by default the one shown now
 */
export function link(view, item = "", account = readPlace().account) {
  const place = item ? `${view}/${encodeURIComponent(item)}` : view;
  return `#/${place}${account ? `?${new URLSearchParams({ account })}` : ""}`;
}

/** @param {string} view @param {string} [item] @param {string} [account] */
export function go(view, item, account) {
  location.hash = link(view, item, account);
}
