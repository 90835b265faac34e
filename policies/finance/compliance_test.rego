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

test_without_policy_data_the_limits_are_those_of_the_rules if {
	compliance.deny == set() with input as order(1000000, 100) with data.finance.limits as {}
	compliance.deny == {over_amount, over_count} with input as order(1000001, 101) with data.finance.limits as {}
}

test_limits_that_are_not_two_numbers_give_way_to_those_of_the_rules if {
	every base in [{"single_order": 9000000}, {"single_order": "9000000", "orders_per_hour": 900}, "none"] {
		limits := {"base": base, "markets": {}}
		compliance.deny == {over_amount, over_count} with input as order(1000001, 101) with data.finance.limits as limits
	}
}

test_a_market_whose_limit_is_no_number_keeps_the_base if {
	limits := {
		"base": {"single_order": 1000, "orders_per_hour": 100},
		"markets": {"SSE": {"single_order": "5000000"}},
	}
	compliance.deny == {"交易金额超过单笔限额（1000）"} with input as order(1001, 1) with data.finance.limits as limits
}

test_other_requests_are_none_of_its_business if {
	request := {"http": {"path": "/settlement/process"}, "body": {"amount": 9000000}}
	compliance.deny == set() with input as {"attributes": {"request": request}, "orders_in_hour": 500}
}
