"""Who may do what: roles, and the scopes that they give."""

from enum import StrEnum


class Role(StrEnum):
    MARKETING = "marketing"
    SALES = "sales"
    CUSTOMER_SERVICE = "customer_service"
    OPERATIONS = "operations"
    FINANCE = "finance"
    PRODUCT = "product"
    HR = "hr"
    EXECUTIVE = "executive"
    AUDITOR = "auditor"
    ADMIN = "admin"
    DISPATCH = "dispatch"
    PARTNER = "partner"


MACHINE_ROLES = frozenset({Role.DISPATCH, Role.PARTNER})


class Scope(StrEnum):
    PROFILE_READ = "profile:read"
    CODES_READ = "codes:read"
    CODES_WRITE = "codes:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CUSTOMERS_ALL = "customers:all"
    """Sees every customer and what belongs to it, not only those one owns."""
    CUSTOMERS_ASSIGN = "customers:assign"
    """Gives customers to colleagues; in sales, managers and directors do."""
    CUSTOMERS_VERIFY = "customers:verify"
    CUSTOMERS_PROPOSE = "customers:propose"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    CUSTOMERS_PII = "customers:pii"
    """Sees one record whole, with a reason that is written down; no list ever."""
    CUSTOMERS_MERGE = "customers:merge"
    """Makes two customers one, undoes that, and tells apart those that only look alike."""
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    SHIPMENTS_READ = "shipments:read"
    SHIPMENTS_CREATE = "shipments:create"
    SHIPMENTS_WRITE = "shipments:write"
    TRACKING_PUSH = "tracking:push"
    EXCEPTIONS_READ = "exceptions:read"
    EXCEPTIONS_HANDLE = "exceptions:handle"
    COMPLAINTS_READ = "complaints:read"
    COMPLAINTS_WRITE = "complaints:write"
    COMPLAINTS_INVESTIGATE = "complaints:investigate"
    """Finds out what happened, without speaking to the customer."""
    TEMPLATES_WRITE = "templates:write"
    """Says in which words complainants are told things."""
    COMPLAINTS_APPROVE = "complaints:approve"
    """Lets a complaint end without the customer's yes; whose, the line of superiors says."""
    HANDLERS_WRITE = "handlers:write"
    """Says who works complaints, how many, and of what kind."""
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    IMPORTS_WRITE = "imports:write"
    EXPORTS_READ = "exports:read"
    EXPORTS_WRITE = "exports:write"
    EXPORTS_APPROVE = "exports:approve"
    SLA_READ = "sla:read"
    SLA_WRITE = "sla:write"
    WAIVERS_DECIDE = "waivers:decide"
    """Lets a limit not count that somebody else asked about; what the law sets never."""
    KPIS_READ = "kpis:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    CLIENTS_READ = "clients:read"
    CLIENTS_WRITE = "clients:write"
    JOBS_READ = "jobs:read"
    AUDIT_READ = "audit:read"
    LEAKS_REPORT = "leaks:report"
    LEAKS_HANDLE = "leaks:handle"
    PRIVACY_HANDLE = "privacy:handle"
    """Answers people's requests about their data; an erasure can't be taken back."""
    CALENDARS_READ = "calendars:read"
    CALENDARS_WRITE = "calendars:write"
    CLOCKS_CALCULATE = "clocks:calculate"
    HOLDS_PLACE = "holds:place"
    PARTNER_TRACKING = "partner:tracking"
    PARTNER_COMPLAINTS = "partner:complaints"
    """Brings complaints of its own customers, follows them, and says whether the answer will do."""


_STAFF = {Scope.PROFILE_READ, Scope.CODES_READ, Scope.LEAKS_REPORT}
_CUSTOMERS = {Scope.CUSTOMERS_READ, Scope.CUSTOMERS_ALL}
_KEEPING = {Scope.CUSTOMERS_WRITE, Scope.CUSTOMERS_ASSIGN, Scope.CUSTOMERS_VERIFY, Scope.SEGMENTS_READ}
_CHECKING = {Scope.CUSTOMERS_VERIFY, Scope.CUSTOMERS_PROPOSE}
"""Those who may not write customers say what they find wrong."""
_EXPORTS = {Scope.EXPORTS_READ, Scope.EXPORTS_WRITE}
_PAPERS = {Scope.DOCUMENTS_READ, Scope.DOCUMENTS_WRITE}
_COMPLAINTS = {Scope.COMPLAINTS_READ, Scope.COMPLAINTS_INVESTIGATE}
_PARCELS = {Scope.ORDERS_READ, Scope.SHIPMENTS_READ, Scope.EXCEPTIONS_READ}

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.MARKETING: frozenset(
        _STAFF
        | _CUSTOMERS
        | _KEEPING
        | _EXPORTS
        | {Scope.CUSTOMERS_MERGE, Scope.SEGMENTS_WRITE, Scope.IMPORTS_WRITE, Scope.KPIS_READ},
    ),
    Role.SALES: frozenset(
        _STAFF
        | _PARCELS
        | _KEEPING
        | _EXPORTS
        | _PAPERS
        | {Scope.CUSTOMERS_READ, Scope.CUSTOMERS_PII, Scope.COMPLAINTS_READ}
    ),
    Role.CUSTOMER_SERVICE: frozenset(
        _STAFF
        | _CUSTOMERS
        | _PARCELS
        | _KEEPING
        | _EXPORTS
        | _PAPERS
        | _COMPLAINTS
        | {
            Scope.COMPLAINTS_APPROVE,
            Scope.COMPLAINTS_WRITE,
            Scope.HANDLERS_WRITE,
            Scope.TEMPLATES_WRITE,
            Scope.CUSTOMERS_MERGE,
            Scope.CUSTOMERS_PII,
            Scope.IMPORTS_WRITE,
            Scope.ORDERS_WRITE,
            Scope.SLA_READ,
            Scope.KPIS_READ,
            Scope.PRIVACY_HANDLE,
            Scope.CALENDARS_READ,
            Scope.CLOCKS_CALCULATE,
        }
    ),
    Role.OPERATIONS: frozenset(
        _STAFF
        | _CUSTOMERS
        | _PARCELS
        | _CHECKING
        | _COMPLAINTS
        | {
            Scope.COMPLAINTS_APPROVE,
            Scope.ORDERS_WRITE,
            Scope.SHIPMENTS_CREATE,
            Scope.SHIPMENTS_WRITE,
            Scope.EXCEPTIONS_HANDLE,
            Scope.SLA_READ,
            Scope.KPIS_READ,
            Scope.CALENDARS_READ,
        }
    ),
    Role.FINANCE: frozenset(_STAFF | _CUSTOMERS | _CHECKING),
    Role.PRODUCT: frozenset(_STAFF | {Scope.KPIS_READ}),
    Role.HR: frozenset(_STAFF),
    Role.EXECUTIVE: frozenset(
        _STAFF
        | {
            Scope.COMPLAINTS_APPROVE,
            Scope.COMPLAINTS_READ,
            Scope.CUSTOMERS_ALL,
            Scope.EXPORTS_READ,
            Scope.EXPORTS_APPROVE,
            Scope.SLA_READ,
            Scope.WAIVERS_DECIDE,
            Scope.KPIS_READ,
            Scope.LEAKS_HANDLE,
        }
    ),
    Role.AUDITOR: frozenset(
        _STAFF
        | _CUSTOMERS
        | _PARCELS
        | {
            Scope.COMPLAINTS_READ,
            Scope.SLA_READ,
            Scope.KPIS_READ,
            Scope.AUDIT_READ,
            Scope.LEAKS_HANDLE,
            Scope.HOLDS_PLACE,
            Scope.USERS_READ,
            Scope.CLIENTS_READ,
            Scope.SEGMENTS_READ,
            Scope.CALENDARS_READ,
        }
    ),
    Role.ADMIN: frozenset(
        _STAFF
        | {
            Scope.CODES_WRITE,
            Scope.USERS_READ,
            Scope.USERS_WRITE,
            Scope.CLIENTS_READ,
            Scope.CLIENTS_WRITE,
            Scope.JOBS_READ,
            Scope.SLA_READ,
            Scope.SLA_WRITE,
            Scope.CALENDARS_READ,
            Scope.CALENDARS_WRITE,
            Scope.CLOCKS_CALCULATE,
        }
    ),
    Role.DISPATCH: frozenset({Scope.SHIPMENTS_CREATE, Scope.TRACKING_PUSH}),
    Role.PARTNER: frozenset({Scope.PARTNER_TRACKING, Scope.PARTNER_COMPLAINTS}),
}


def scopes_of(roles: list[Role]) -> frozenset[Scope]:
    """Everything the roles may do together."""
    return frozenset().union(*(ROLE_SCOPES[role] for role in roles))
