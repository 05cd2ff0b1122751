// Whether the websocket is there, for components to show, and how often it has come: what was missed meanwhile is read again.
import { store } from "./store";

type Status = "connecting" | "live" | "lost";

const connection = store<{ status: Status; times: number }>({ status: "connecting", times: 0 });

export const connected = () => connection.change(({ times }) => ({ status: "live", times: times + 1 }));
export const lost = () => connection.change(({ times }) => ({ status: "lost", times }));
export const useConnection = connection.use;
