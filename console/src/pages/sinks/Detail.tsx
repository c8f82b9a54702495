// One sink.
import { ConnectorDetail } from "@/pages/connectors/Detail";

export default () => <ConnectorDetail sort="sinks" />;
