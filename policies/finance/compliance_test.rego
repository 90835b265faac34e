package finance.compliance_test

import data.finance.compliance
import rego.v1

order(amount, count) := {
	"attributes": {"request": {
		"http": {"method": "POST", "path": "/trading/orders"},
		"body": {"amount": amount, "user": "u-1", "market": "SSE"},
	}},
	"orders_in_hour": count,
}

over_amount := "交易金额超过单笔限额（100 万）"

over_count := "交易频率超过限制（每小时 100 笔）"

test_an_ordinary_order_passes if {
	compliance.deny == set() with input as order(1000, 1)
}

test_exactly_one_million_passes if {
	compliance.deny == set() with input as order(1000000, 1)
}

test_more_than_one_million_is_denied if {
	compliance.deny == {over_amount} with input as order(1000001, 1)
}

test_a_fraction_over_one_million_is_denied if {
	compliance.deny == {over_amount} with input as order(1000000.01, 1)
}

test_the_hundredth_order_of_the_hour_passes if {
	compliance.deny == set() with input as order(1000, 100)
}

test_the_hundred_and_first_order_of_the_hour_is_denied if {
	compliance.deny == {over_count} with input as order(1000, 101)
}

test_both_reasons_are_given if {
	compliance.deny == {over_amount, over_count} with input as order(1000001, 101)
}

test_each_message_has_its_code if {
	codes := compliance.codes with input as order(1000001, 101)
	codes[over_amount] == "compliance.single-order-limit"
	codes[over_count] == "compliance.orders-per-hour"
}

test_a_market_sets_one_limit_and_keeps_the_other if {
	limits := {
		"base": {"single_order": 1000000, "orders_per_hour": 100},
		"markets": {"SSE": {"single_order": 5000000}},
	}
	compliance.deny == set() with input as order(5000000, 100) with data.finance.limits as limits
	compliance.deny == {"交易金额超过单笔限额（500 万）", over_count} with input as order(5000001, 101)
		with data.finance.limits as limits
}

test_a_limit_that_is_no_round_number_is_named_in_full if {
	limits := {"base": {"single_order": 1234567, "orders_per_hour": 3}, "markets": {}}
	compliance.deny == {"交易金额超过单笔限额（1234567）", "交易频率超过限制（每小时 3 笔）"} with input as order(1234568, 4)
		with data.finance.limits as limits
}

test_a_base_holds_where_a_market_sets_nothing if {
	base := {"single_order": 10, "orders_per_hour": 2}
	every limits in [{"base": base}, {"base": base, "markets": {}}, {"base": base, "markets": {"X": {"single_order": 99}}}] {
		compliance.deny == set() with input as order(10, 2) with data.finance.limits as limits
		compliance.deny == {"交易金额超过单笔限额（10）", "交易频率超过限制（每小时 2 笔）"} with input as order(11, 3)
			with data.finance.limits as limits
	}
}

test_without_policy_data_the_limits_are_those_of_the_rules if {
	compliance.deny == set() with input as order(1000000, 100) with data.finance.limits as {}
	compliance.deny == {over_amount, over_count} with input as order(1000001, 101) with data.finance.limits as {}
}

test_the_shipped_data_is_sound if {
	compliance.data_errors == set()
}

test_a_base_needs_both_limits_as_numbers if {
	missing := {"base": {"single_order": 1}}
	compliance.data_errors == {"finance.limits.base.orders_per_hour is not a number"} with data.finance.limits as missing
	text := {"base": {"single_order": "1", "orders_per_hour": 1}}
	compliance.data_errors == {"finance.limits.base.single_order is not a number"} with data.finance.limits as text
	count(compliance.data_errors) == 2 with data.finance.limits as {"base": "none"}
}

test_a_market_sets_known_limits_to_numbers if {
	base := {"single_order": 1, "orders_per_hour": 1}
	text := {"base": base, "markets": {"SSE": {"single_order": "5"}}}
	compliance.data_errors == {"finance.limits.markets.SSE.single_order is not a number"} with data.finance.limits as text
	number := {"base": base, "markets": {"SSE": 5}}
	compliance.data_errors == {"finance.limits.markets.SSE is not an object"} with data.finance.limits as number
	typo := {"base": base, "markets": {"SSE": {"single_oder": 5}}}
	compliance.data_errors == {"finance.limits.markets.SSE.single_oder is not a limit"} with data.finance.limits as typo
}

test_other_requests_are_none_of_its_business if {
	request := {"http": {"path": "/settlement/process"}, "body": {"amount": 9000000}}
	compliance.deny == set() with input as {"attributes": {"request": request}, "orders_in_hour": 500}
}
