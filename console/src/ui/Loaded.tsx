// What a page shows of a call's result: lines while it loads, the failure, or the data.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { app } from "@/text/app";
import { Failure } from "./Failure";
import { age } from "./format";
import { Skeleton } from "./Skeleton";

interface Props<T> {
  of: UseQueryResult<T>;
  what?: string;
  children: (data: T) => ReactNode;
}

/** Data that is there stays, dimmed, when a later call fails. */
export function Loaded<T>({ of, what, children }: Props<T>) {
  const { data, error, refetch, isError, dataUpdatedAt } = of;
  if (data === undefined)
    return isError ? (
      <Failure error={error as Error} what={what} retry={() => refetch()} />
    ) : (
      <Skeleton />
    );
  if (!isError) return children(data);
  return (
    <>
      <Failure error={error as Error} what={what} retry={() => refetch()}>
        <p className="text-xs text-muted">{app.updated(age(Date.now() - dataUpdatedAt))}</p>
      </Failure>
      <div className="opacity-60">{children(data)}</div>
    </>
  );
}
