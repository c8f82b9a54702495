// All sources.
import { ConnectorList } from "@/pages/connectors/List";

export default () => <ConnectorList sort="sources" />;
