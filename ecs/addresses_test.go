package ecs

import (
	"cmp"
	"fmt"
	"net/netip"
	"testing"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		inst            Instance
		private, public string // formatted by fmt.Sprint
		addr, ipv6      string // for ipv6, an empty string means none
	}{
		{name: "no addresses", private: "[]", public: "[]", addr: "invalid IP"},
		{
			name:    "VPC with a fixed public address",
			inst:    Instance{VPCAttributes: VPCAttributes{PrivateIPAddress: []string{"10.0.0.1"}}, PublicIPAddress: []string{"192.0.2.1"}},
			private: "[10.0.0.1]", public: "[192.0.2.1]", addr: "10.0.0.1",
		},
		{
			name:    "classic network",
			inst:    Instance{InnerIPAddress: []string{"10.170.0.1"}, PublicIPAddress: []string{"192.0.2.1"}},
			private: "[10.170.0.1]", public: "[192.0.2.1]", addr: "10.170.0.1",
		},
		{
			name:    "fixed and elastic public addresses",
			inst:    Instance{PublicIPAddress: []string{"192.0.2.1", "192.0.2.2"}, EIPAddress: EIPAddress{IPAddress: "198.51.100.1"}},
			private: "[]", public: "[192.0.2.1 192.0.2.2 198.51.100.1]", addr: "invalid IP",
		},
		{
			name: "secondary interface listed first, with secondary and IPv6 addresses",
			inst: Instance{
				VPCAttributes: VPCAttributes{PrivateIPAddress: []string{"10.0.0.2"}},
				NetworkInterfaces: []NetworkInterface{
					{Type: NetworkInterfaceTypeSecondary, PrimaryIPAddress: "10.0.1.1", PrivateIPSets: []PrivateIPSet{{PrivateIPAddress: "10.0.1.1", Primary: true}}},
					{
						Type: NetworkInterfaceTypePrimary, PrimaryIPAddress: "10.0.0.2",
						PrivateIPSets: []PrivateIPSet{{PrivateIPAddress: "10.0.0.2", Primary: true}, {PrivateIPAddress: "10.0.0.3"}},
						IPv6Sets:      []IPv6Set{{IPv6Address: "2001:db8::1"}, {IPv6Address: "2001:db8::2", Primary: true}, {IPv6Address: "2001:db8::2"}},
					},
				},
			},
			private: "[10.0.0.2 10.0.1.1 10.0.0.3 2001:db8::2 2001:db8::1]", public: "[]", addr: "10.0.0.2", ipv6: "[2001:db8::2 2001:db8::1]",
		},
		{
			name:    "only IPv6 addresses",
			inst:    Instance{NetworkInterfaces: []NetworkInterface{{IPv6Sets: []IPv6Set{{IPv6Address: "none"}, {IPv6Address: "2001:db8::3"}}}}},
			private: "[2001:db8::3]", public: "[]", addr: "2001:db8::3", ipv6: "[2001:db8::3]",
		},
		{
			name: "masked and invalid addresses",
			inst: Instance{
				VPCAttributes:   VPCAttributes{PrivateIPAddress: []string{"172.17.**.**", "", "null", "10.0.0.1/24", "0.0.0.0", "10.0.0.9"}},
				PublicIPAddress: []string{"121.40.**.**", "::", "1.2.3"},
				EIPAddress:      EIPAddress{IPAddress: "N/A"},
			},
			private: "[10.0.0.9]", public: "[]", addr: "10.0.0.9",
		},
		{
			name:    "only a network interface",
			inst:    Instance{NetworkInterfaces: []NetworkInterface{{PrimaryIPAddress: "10.0.0.5"}}},
			private: "[10.0.0.5]", public: "[]", addr: "10.0.0.5",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fmt.Sprint(tt.inst.PrivateAddrs()); got != tt.private {
				t.Errorf("private %s, want %s", got, tt.private)
			}
			if got := fmt.Sprint(tt.inst.PublicAddrs()); got != tt.public {
				t.Errorf("public %s, want %s", got, tt.public)
			}
			if got := fmt.Sprint(tt.inst.IPv6Addrs()); got != cmp.Or(tt.ipv6, "[]") {
				t.Errorf("IPv6 %s, want %s", got, tt.ipv6)
			}
			if got := tt.inst.PrivateAddr(); got.String() != tt.addr {
				t.Errorf("addr %s, want %s", got, tt.addr)
			}
		})
	}
	if (Instance{}).PrivateAddr() != (netip.Addr{}) {
		t.Error("the zero instance has an address")
	}
}
