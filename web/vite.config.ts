import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// Everything ends up inside the hone program: few files, no source maps, nothing from elsewhere.
export default defineConfig({
  plugins: [preact()],
  build: { target: "es2022", sourcemap: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 400 },
  server: { proxy: { "/api": "http://127.0.0.1:8700" } },
});
