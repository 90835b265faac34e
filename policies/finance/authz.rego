# METADATA
# title: Who may call what
# description: |
#   Default deny. Three ways to be allowed: as one of the services of the mesh, by a role in a verified token, or on a
#   public page.
#
#   Input, as Envoy's ext_authz sends it, plus the token:
#     attributes.source.principal         who calls, from its certificate, like "cluster.local/ns/finance/sa/risk-service"
#     attributes.destination.principal    who is called
#     attributes.request.http.method      like "GET"
#     attributes.request.http.path        with or without a query string
#     token.roles                         roles of the caller, present only when the token was verified
#
#   Which accounts a trader may see is not decided here but where the account is known.
package finance.authz

import rego.v1

default allow := false

# 允许交易服务访问清算服务
allow if {
	input.attributes.source.principal == "cluster.local/ns/finance/sa/trading-service"
	input.attributes.destination.principal == "cluster.local/ns/finance/sa/settlement-service"
	input.attributes.request.http.method == "POST"
	input.attributes.request.http.path == "/settlement/process"
}

# 允许风险服务访问交易服务
allow if {
	input.attributes.source.principal == "cluster.local/ns/finance/sa/risk-service"
	input.attributes.destination.principal == "cluster.local/ns/finance/sa/trading-service"
	input.attributes.request.http.method == "GET"
	input.attributes.request.http.path == "/trading/orders"
}

# 合规服务可以访问所有服务
allow if {
	input.attributes.source.principal == "cluster.local/ns/finance/sa/compliance-service"
}

# What a role grants.
allow if {
	plain_path
	some role in input.token.roles
	some grant in grants[role]
	input.attributes.request.http.method in grant.methods
	some prefix in grant.below
	below(path, prefix)
	not excepted(grant)
}

# Pages that need no token.
allow if {
	input.attributes.request.http.method in reading
	path in public_pages
}

reading := {"GET", "HEAD"}

writing := {"POST", "PUT", "PATCH", "DELETE"}

public_pages := {"/", "/docs", "/openapi.json", "/healthz", "/readyz"}

# What the other services have recorded of an order: whoever may trace any order in trading may read it to the end.
order_traces := ["/settlement/orders", "/risk/orders", "/compliance/orders"]

# Each grant: methods, the paths below which it holds, and paths below which it does not.
grants := {
	# Orders and block trades of its own accounts, and what it owes for them.
	"trader": [
		{"methods": reading, "below": ["/trading", "/settlement/obligations"]},
		{"methods": writing, "below": ["/trading/orders", "/trading/blocks"]},
	],
	# Runs the venue: reference data, accounts, phases, settlement. Takes orders off the book, never places one.
	"operator": [
		{"methods": reading, "below": ["/"], "except": ["/compliance"]},
		{"methods": reading, "below": order_traces},
		{"methods": {"DELETE"}, "below": ["/trading/orders"]},
		{
			"methods": writing,
			"below": ["/trading", "/settlement", "/operations"],
			"except": ["/trading/orders", "/trading/blocks"],
		},
	],
	# Limits and the kill switch.
	"risk": [
		{"methods": reading, "below": ["/trading", "/risk"]},
		{"methods": reading, "below": order_traces},
		{"methods": writing, "below": ["/risk"]},
	],
	# Policies, the restricted list, and sight of everything.
	"compliance": [
		{"methods": reading, "below": ["/"]},
		{"methods": writing, "below": ["/compliance"]},
	],
	# Sees everything, changes nothing.
	"auditor": [{"methods": reading, "below": ["/"]}],
	# Machines: scheduled settlement, metrics, reading orders.
	"service": [
		{"methods": {"POST"}, "below": ["/settlement/process"]},
		{"methods": reading, "below": ["/trading/orders", "/metrics"]},
		{"methods": reading, "below": order_traces},
	],
}

path := split(input.attributes.request.http.path, "?")[0]

# A path that another reader could resolve to somewhere else is granted to nobody.
plain_path if {
	startswith(path, "/")
	not contains(path, "//")
	not contains(path, "/.")
	not contains(path, "%")
	not contains(path, "\\")
}

below(_, prefix) if prefix == "/"

below(place, prefix) if place == prefix

below(place, prefix) if startswith(place, concat("", [prefix, "/"]))

excepted(grant) if {
	some prefix in grant.except
	below(path, prefix)
}
