/**
 * Hold the state of the page. Parts of it are replaced, never changed in place.
 *
 * @param {Object} initial
 * @returns {{get: function(): Object, set: function(Object): void, subscribe: function(function(Object, Object)): void}}
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  const listeners = [];
  return {
    get: () => state,
    set(change) {
      const before = state;
      state = Object.freeze({ ...state, ...change });
      for (const listener of listeners) listener(state, before);
    },
    subscribe: (listener) => { listeners.push(listener); },
  };
}

/** Read a value that this browser keeps; `fallback` where it keeps none. */
export function recall(name, fallback = null) {
  try {
    const text = localStorage.getItem(`whatsit.${name}`);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** Keep a value in this browser; null removes it. */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`whatsit.${name}`);
    else localStorage.setItem(`whatsit.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing, such as in a private window, loses comfort alone.
  }
}
