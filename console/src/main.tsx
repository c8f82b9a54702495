// Starts the console in its page.
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Tooltip } from "radix-ui";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeCache } from "@/api/cache";
import { NONCE } from "@/app/place";
import { startTheme } from "@/app/theme";
import "@/app/theme.css";
import { makeRouter } from "@/router";

declare global {
  // Read by the libraries that make style elements.
  var __webpack_nonce__: string;
}
globalThis.__webpack_nonce__ = NONCE;

const client = makeCache();

startTheme();
const router = makeRouter(client);
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Tooltip.Provider delayDuration={400}>
        <RouterProvider router={router} />
      </Tooltip.Provider>
    </QueryClientProvider>
  </StrictMode>,
);
