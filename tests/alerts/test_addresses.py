"""Where a request comes from, whatever it says of itself."""

import pytest

from alerts.addresses import client_address, network_of


class TestClientAddress:
    @pytest.mark.parametrize(
        ("hops", "forwarded", "address"),
        [
            (0, "", "192.0.2.1"),
            (0, "203.0.113.5", "192.0.2.1"),
            (1, "203.0.113.5", "203.0.113.5"),
            (1, "10.0.0.1, 203.0.113.5", "203.0.113.5"),
            (2, "10.0.0.1, 203.0.113.5, 198.51.100.7", "203.0.113.5"),
            (2, "203.0.113.5", "192.0.2.1"),  # came past one of our proxies
            (1, "", "192.0.2.1"),
            (1, "nonsense", "192.0.2.1"),
            (1, "203.0.113.5:4711", "203.0.113.5"),
            (1, "[2001:db8::5]:4711", "2001:db8::5"),
            (1, "2001:DB8:0::5", "2001:db8::5"),
            (1, "::ffff:203.0.113.5", "203.0.113.5"),
            (1, "fe80::1%eth0", "fe80::1"),
        ],
    )
    def test_believes_as_many_entries_as_there_are_proxies_of_ours(
        self, hops: int, forwarded: str, address: str
    ) -> None:
        meta = {"REMOTE_ADDR": "192.0.2.1"}
        if forwarded:
            meta["HTTP_X_FORWARDED_FOR"] = forwarded
        assert client_address(meta, trusted_hops=hops) == address

    def test_is_the_empty_address_behind_a_socket_file(self) -> None:
        assert client_address({"REMOTE_ADDR": ""}, trusted_hops=0) == "::"
        assert client_address({}, trusted_hops=0) == "::"


class TestNetworkOf:
    def test_is_the_address_itself_or_the_network_of_64_bits(self) -> None:
        assert network_of("203.0.113.5") == "203.0.113.5"
        assert network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::"
        assert network_of("::") == "::"
