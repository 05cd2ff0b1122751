// A value outside of React, which components can follow.
import { useSyncExternalStore } from "react";

export function store<Value>(value: Value) {
  const listeners = new Set<() => void>();
  const listen = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    change(make: (before: Value) => Value) {
      value = make(value);
      for (const listener of listeners) listener();
    },
    use: () => useSyncExternalStore(listen, () => value),
  };
}
