// The API's states of a materialized view in the words of the pages.
const WORDS: Record<string, string> = {
  ExecutingPipeline: "running",
  Error: "failed",
  Paused: "paused",
  Suspended: "stopped",
  AutoRecovering: "recovering",
  Recovering: "recovering",
  Unpausing: "resuming",
  Initialized: "initializing",
  CheckingDependencies: "initializing",
  BuildingPipeline: "initializing",
};

export const statusText = (status = ""): string => WORDS[status] ?? status;
