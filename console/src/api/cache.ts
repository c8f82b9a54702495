// The cache of what the server said: how long an answer holds, what is asked again.
import {
  type InvalidateOptions,
  type InvalidateQueryFilters,
  QueryClient,
  type QueryKey,
} from "@tanstack/react-query";
import { ApiError } from "./client";

const RETRIES_MAX = 2;
const FRESH_MS = 2_000;

/** What was refused is refused again; only a server out of reach or busy is asked again. */
const isAskedAgain = (error: Error) =>
  !(error instanceof ApiError) || error.status === 0 || error.status >= 500 || error.status === 429;

class Cache extends QueryClient {
  /** Also a first answer that is still on its way may be from before the change: it is not waited
   * for, as the library does, but asked for anew. */
  override async invalidateQueries<TTaggedQueryKey extends QueryKey = QueryKey>(
    filters?: InvalidateQueryFilters<TTaggedQueryKey>,
    options?: InvalidateOptions,
  ): Promise<void> {
    const { predicate } = filters ?? {};
    await this.cancelQueries<TTaggedQueryKey>({
      ...filters,
      predicate: (query) =>
        query.isActive() &&
        query.state.data === undefined &&
        query.state.fetchStatus === "fetching" &&
        (!predicate || predicate(query)),
    });
    await super.invalidateQueries<TTaggedQueryKey>(filters, options);
  }
}

export const makeCache = (): QueryClient =>
  new Cache({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < RETRIES_MAX && isAskedAgain(error),
      },
    },
  });
