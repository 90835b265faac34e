package finance.authz_test

import data.finance.authz
import rego.v1

account(name) := concat("", ["cluster.local/ns/finance/sa/", name])

between(source, destination, method, path) := {"attributes": {
	"source": {"principal": account(source)},
	"destination": {"principal": account(destination)},
	"request": {"http": {"method": method, "path": path}},
}}

as_role(role, method, path) := {
	"attributes": {"request": {"http": {"method": method, "path": path}}},
	"token": {"roles": [role]},
}

test_nothing_is_allowed_by_default if {
	not authz.allow with input as {}
	authz.allow == false with input as {}
}

test_trading_may_start_settlement if {
	authz.allow with input as between("trading-service", "settlement-service", "POST", "/settlement/process")
}

test_trading_may_do_nothing_else_there if {
	not authz.allow with input as between("trading-service", "settlement-service", "GET", "/settlement/process")
	not authz.allow with input as between("trading-service", "settlement-service", "POST", "/settlement/reports")
	not authz.allow with input as between("trading-service", "risk-service", "POST", "/settlement/process")
}

test_risk_may_read_orders if {
	authz.allow with input as between("risk-service", "trading-service", "GET", "/trading/orders")
}

test_risk_may_not_place_orders if {
	not authz.allow with input as between("risk-service", "trading-service", "POST", "/trading/orders")
	not authz.allow with input as between("settlement-service", "trading-service", "GET", "/trading/orders")
}

test_compliance_may_reach_every_service if {
	every destination in ["trading-service", "settlement-service", "risk-service"] {
		authz.allow with input as between("compliance-service", destination, "POST", "/anything")
	}
}

test_a_trader_trades_and_reads_trading if {
	authz.allow with input as as_role("trader", "POST", "/trading/orders")
	authz.allow with input as as_role("trader", "DELETE", "/trading/orders/17")
	authz.allow with input as as_role("trader", "GET", "/trading/trades?limit=10")
}

test_a_trader_reads_what_it_owes_and_nothing_else_of_settlement if {
	authz.allow with input as as_role("trader", "GET", "/settlement/obligations?settled=false")
	not authz.allow with input as as_role("trader", "POST", "/settlement/obligations")
	every path in ["/settlement/runs", "/settlement/net-positions", "/settlement/quotas", "/settlement/reports/2023-02-07"] {
		not authz.allow with input as as_role("trader", "GET", path)
	}
}

test_a_trader_changes_nothing_else if {
	not authz.allow with input as as_role("trader", "POST", "/trading/accounts")
	not authz.allow with input as as_role("trader", "GET", "/risk/limits")
	not authz.allow with input as as_role("trader", "POST", "/settlement/process")
	not authz.allow with input as as_role("trader", "POST", "/trading/orders-of-others")
}

test_an_operator_runs_the_venue_and_places_no_orders if {
	authz.allow with input as as_role("operator", "POST", "/trading/instruments")
	authz.allow with input as as_role("operator", "POST", "/settlement/process")
	authz.allow with input as as_role("operator", "DELETE", "/trading/orders/17")
	authz.allow with input as as_role("operator", "GET", "/risk/exposure")
	not authz.allow with input as as_role("operator", "POST", "/trading/orders")
	not authz.allow with input as as_role("operator", "POST", "/trading/blocks/3/consent")
	not authz.allow with input as as_role("operator", "POST", "/risk/limits")
	not authz.allow with input as as_role("operator", "GET", "/compliance/decisions")
}

test_risk_sets_limits_and_nothing_else if {
	authz.allow with input as as_role("risk", "PUT", "/risk/limits")
	authz.allow with input as as_role("risk", "GET", "/trading/orders")
	not authz.allow with input as as_role("risk", "DELETE", "/trading/orders/17")
}

test_compliance_sees_everything_and_changes_policies if {
	authz.allow with input as as_role("compliance", "POST", "/compliance/policies")
	authz.allow with input as as_role("compliance", "GET", "/settlement/reports/2023-02-07")
	not authz.allow with input as as_role("compliance", "POST", "/trading/orders")
}

test_an_auditor_reads_and_never_writes if {
	every path in ["/trading/orders", "/settlement/reports", "/risk/limits", "/compliance/decisions", "/metrics"] {
		authz.allow with input as as_role("auditor", "GET", path)
		every method in ["POST", "PUT", "PATCH", "DELETE"] {
			not authz.allow with input as as_role("auditor", method, path)
		}
	}
}

test_a_service_settles_and_reads_orders if {
	authz.allow with input as as_role("service", "POST", "/settlement/process")
	authz.allow with input as as_role("service", "GET", "/trading/orders")
	not authz.allow with input as as_role("service", "POST", "/trading/orders")
}

test_an_unknown_role_grants_nothing if {
	not authz.allow with input as as_role("admin", "GET", "/trading/orders")
}

test_a_path_in_disguise_is_granted_to_nobody if {
	every path in ["/trading/orders/../accounts", "//trading/orders", "/trading/%2e%2e/risk", "/trading/orders\\x", "trading"] {
		not authz.allow with input as as_role("trader", "GET", path)
	}
}

test_public_pages_need_no_token if {
	authz.allow with input as {"attributes": {"request": {"http": {"method": "GET", "path": "/healthz"}}}}
	not authz.allow with input as {"attributes": {"request": {"http": {"method": "POST", "path": "/healthz"}}}}
	not authz.allow with input as {"attributes": {"request": {"http": {"method": "GET", "path": "/metrics"}}}}
}

test_who_may_trace_an_order_may_trace_it_through_all_services if {
	every service in ["settlement", "risk", "compliance"] {
		path := sprintf("/%s/orders/7/trace", [service])
		every role in ["operator", "risk", "compliance", "auditor", "service"] {
			authz.allow with input as as_role(role, "GET", path)
		}
		not authz.allow with input as as_role("trader", "GET", path)
	}
}
