import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the gateway may be served under any prefix.
  base: "./",
  build: {
    target: "es2022",
    license: { fileName: "licenses.md" },
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      onwarn: (warning, warn) => warning.code !== "MODULE_LEVEL_DIRECTIVE" && warn(warning),
    },
  },
});
