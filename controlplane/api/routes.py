"""All controllers of v1beta2, in the order of the contract."""

from __future__ import annotations

from typing import Final

from litestar import Controller

from controlplane.api.alert_tests import AlertTestController
from controlplane.api.alerts import AlertController
from controlplane.api.api_keys import ApiKeyController
from controlplane.api.audit import AuditController
from controlplane.api.catalog import CatalogController
from controlplane.api.connector_tests import ConnectorTestController
from controlplane.api.connector_types import ConnectorTypeController
from controlplane.api.dashboards import DashboardController
from controlplane.api.diagnoses import DiagnosisController
from controlplane.api.external_streams import ExternalStreamController
from controlplane.api.external_tables import ExternalTableController
from controlplane.api.global_metrics import GlobalMetricsController
from controlplane.api.invitations import InvitationController
from controlplane.api.login import LoginController
from controlplane.api.materialized_views import MaterializedViewController
from controlplane.api.queries import QueryController, SqlController
from controlplane.api.replays import ReplayController
from controlplane.api.saved_queries import SavedQueryController
from controlplane.api.schemas import SchemaController
from controlplane.api.sinks import SinkController
from controlplane.api.source_tools import SourceToolController
from controlplane.api.sources import SourceController
from controlplane.api.streams import StreamController
from controlplane.api.system_report import SystemController
from controlplane.api.topology import TopologyController, TopologyRatesController
from controlplane.api.trial_events import TrialEventController
from controlplane.api.udfs import UdfController
from controlplane.api.users import PermissionController, RoleController, UserController
from controlplane.api.views import ViewController
from controlplane.api.workspaces import (
    DatabaseController,
    SubscriptionController,
    WorkspaceController,
    WorkspacesController,
)

API_PREFIX: Final = "/api/v1beta2"

CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    QueryController,
    SqlController,
    StreamController,
    DashboardController,
    ExternalStreamController,
    ExternalTableController,
    SavedQueryController,
    SchemaController,
    SourceController,
    ReplayController,
    ConnectorTestController,
    SourceToolController,
    SinkController,
    AlertController,
    AlertTestController,
    ApiKeyController,
    RoleController,
    PermissionController,
    UserController,
    InvitationController,
    LoginController,
    AuditController,
    UdfController,
    ViewController,
    MaterializedViewController,
    TopologyController,
    TopologyRatesController,
    TrialEventController,
    DiagnosisController,
    CatalogController,
    ConnectorTypeController,
    GlobalMetricsController,
    SystemController,
    WorkspaceController,
    WorkspacesController,
    SubscriptionController,
    DatabaseController,
)
