// Times and durations as people say them.
import { store } from "./store";

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]] as const;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

const now = store(Date.now());
setInterval(() => now.change(Date.now), 1_000);

/** The current time in milliseconds, each second again. */
export const useNow = now.use;

/** "3 minutes ago", "in 2 hours". */
export function fromNow(time: string, now: number): string {
  const seconds = (Date.parse(time) - now) / 1_000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[3];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** "1 h 4 min", "12 s", "0.4 s". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const clock = (time: string) =>
  new Date(time).toLocaleTimeString("en", { hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit" });
