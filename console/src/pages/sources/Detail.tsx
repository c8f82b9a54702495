// One source.
import { ConnectorDetail } from "@/pages/connectors/Detail";

export default () => <ConnectorDetail sort="sources" />;
