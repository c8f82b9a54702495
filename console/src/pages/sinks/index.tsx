// All sinks.
import { ConnectorList } from "@/pages/connectors/List";

export default () => <ConnectorList sort="sinks" />;
