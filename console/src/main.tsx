// Starts the console in its page.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Tooltip } from "radix-ui";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "@/api/client";
import { NONCE } from "@/app/place";
import { startTheme } from "@/app/theme";
import "@/app/theme.css";
import { makeRouter } from "@/router";

declare global {
  // Read by the libraries that make style elements.
  var __webpack_nonce__: string;
}
globalThis.__webpack_nonce__ = NONCE;

const RETRIES_MAX = 2;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: false,
      // What was refused is refused again; only a server out of reach or busy is asked again.
      retry: (failures, error) =>
        failures < RETRIES_MAX &&
        !(
          error instanceof ApiError &&
          error.status > 0 &&
          error.status < 500 &&
          error.status !== 429
        ),
    },
  },
});

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
