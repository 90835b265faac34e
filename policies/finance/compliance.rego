# METADATA
# title: Trading compliance
# description: |
#   Says why an order is denied; an order that nothing here denies is allowed.
#
#   Input, one order:
#     attributes.request.http.method, .path   "POST", "/trading/orders"
#     attributes.request.body.amount          notional in whole units of quote, rounded up, so that comparing it with
#                                             a whole limit is exact and needs no fraction
#     attributes.request.body.amount_minor    the same to the last minor unit (10^-scale of quote)
#     attributes.request.body.scale           decimals of quote
#     attributes.request.body.price           per unit of base, an integer in the instrument's price scale
#     attributes.request.body.quantity        an integer in minor units of base
#     attributes.request.body.side            "buy" or "sell"
#     attributes.request.body.user, .account, .instrument, .market
#     orders_in_hour                          orders of this user in the last hour, this one included
#
#   Data: finance.limits.base, and finance.limits.markets[market] for what a market sets otherwise, both with
#     single_order       the largest amount of one order, whole units of quote
#     orders_per_hour    orders of one user an hour
#   Where there is no finance.limits, both are those of the rules below.
#
#   Whoever asks must give the amount and the count: an order without them is not judged here but refused at the edge.
package finance.compliance

import rego.v1

# What holds where there is no policy data.
default limits := {"single_order": 1000000, "orders_per_hour": 100}

limits := object.union(data.finance.limits.base, data.finance.limits.markets[input.attributes.request.body.market]) if {
	data.finance.limits.markets[input.attributes.request.body.market]
} else := data.finance.limits.base

# 检查交易金额限制
deny contains single_order_message if {
	input.attributes.request.http.path == "/trading/orders"
	input.attributes.request.body.amount > limits.single_order
}

# 检查交易频率限制
deny contains orders_per_hour_message if {
	input.attributes.request.http.path == "/trading/orders"
	input.orders_in_hour > limits.orders_per_hour
}

# The stable code of each message, for programs.
codes := {
	single_order_message: "compliance.single-order-limit",
	orders_per_hour_message: "compliance.orders-per-hour",
}

single_order_message := sprintf("交易金额超过单笔限额（%d 万）", [limits.single_order / 10000]) if {
	is_number(limits.single_order)
	limits.single_order % 10000 == 0
} else := sprintf("交易金额超过单笔限额（%v）", [limits.single_order])

orders_per_hour_message := sprintf("交易频率超过限制（每小时 %v 笔）", [limits.orders_per_hour])

# What is wrong with the policy data. Asked once, when a bundle is to come into force, so that an order need not ask.
data_errors contains sprintf("finance.limits.base.%s is not a number", [name]) if {
	data.finance.limits
	some name in limit_names
	not has_number(data.finance.limits, ["base", name])
}

data_errors contains sprintf("finance.limits.markets.%s.%s is not a number", [market, name]) if {
	some market, own in data.finance.limits.markets
	is_object(own)
	some name, _ in own
	not has_number(own, [name])
}

data_errors contains sprintf("finance.limits.markets.%s.%s is not a limit", [market, name]) if {
	some market, own in data.finance.limits.markets
	is_object(own)
	some name, _ in own
	not name in limit_names
}

data_errors contains sprintf("finance.limits.markets.%s is not an object", [market]) if {
	some market, own in data.finance.limits.markets
	not is_object(own)
}

has_number(document, path) if is_number(object.get(document, path, null))

limit_names := {"single_order", "orders_per_hour"}
