import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page asks its own origin, which passes /graphql on, websockets too: a browser sees no other site, so no CORS is needed.
const gateway = process.env.GATEWAY ?? "http://127.0.0.1:4300";
const proxy = { "/graphql": { target: gateway, ws: true } };

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } });
