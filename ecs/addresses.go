package ecs

import (
	"net/netip"
	"slices"
)

// PrivateAddrs are the addresses of the instance inside its network, the primary one first: in a VPC those of all its
// interfaces, secondary ones included, and their IPv6 addresses when [AdditionalAttributeNetworkPrimaryENIIP] was asked for; in
// the classic network the inner addresses. Texts that are not addresses are left out; nil when there are none.
func (i Instance) PrivateAddrs() []netip.Addr {
	var a addrs
	a.add(i.primary())
	a.add(i.VPCAttributes.PrivateIPAddress...)
	for _, n := range i.NetworkInterfaces {
		a.add(n.PrimaryIPAddress)
		for _, p := range n.PrivateIPSets {
			a.add(p.PrivateIPAddress)
		}
	}
	a.add(i.InnerIPAddress...)
	for _, n := range i.NetworkInterfaces {
		for _, p := range n.IPv6Sets {
			a.add(p.IPv6Address)
		}
	}
	return a
}

// PublicAddrs are the fixed public addresses and the elastic one. Texts that are not addresses are left out; nil when
// there are none.
func (i Instance) PublicAddrs() []netip.Addr {
	var a addrs
	a.add(i.PublicIPAddress...)
	a.add(i.EIPAddress.IPAddress)
	return a
}

// PrivateAddr is where to reach the instance from inside its network: the primary private address, in the classic network the
// inner one. It is the zero Addr (not valid) when there is none.
func (i Instance) PrivateAddr() netip.Addr {
	if a := i.PrivateAddrs(); len(a) > 0 {
		return a[0]
	}
	return netip.Addr{}
}

// primary is the primary address of the primary interface, by its mark rather than by its place.
func (i Instance) primary() string {
	for _, n := range i.NetworkInterfaces {
		if n.Type == NetworkInterfaceTypePrimary {
			return n.PrimaryIPAddress
		}
	}
	return ""
}

// addrs collects valid addresses, each once.
type addrs []netip.Addr

func (a *addrs) add(texts ...string) {
	for _, s := range texts {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.IsUnspecified() || slices.Contains(*a, addr) {
			continue
		}
		*a = append(*a, addr)
	}
}
