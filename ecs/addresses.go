package ecs

import (
	"net/netip"
	"slices"
)

// PrivateAddrs returns the addresses of the instance within its network, without duplicates, the primary address
// first. In a VPC these are the addresses of all network interfaces, including secondary ones; in the classic
// network, the inner addresses. The IPv6 addresses come last (see [Instance.IPv6Addrs]). Values that are not
// addresses are left out. The result is nil if there are none.
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
	for _, addr := range i.IPv6Addrs() {
		a.add(addr.String())
	}
	return a
}

// IPv6Addrs returns the IPv6 addresses of the network interfaces, without duplicates, primary ones first. The API
// reports them only with [AdditionalAttributeNetworkPrimaryENIIP]. Values that are not addresses are left out. The
// result is nil if there are none.
func (i Instance) IPv6Addrs() []netip.Addr {
	var a addrs
	for _, primary := range []bool{true, false} {
		for _, n := range i.NetworkInterfaces {
			for _, p := range n.IPv6Sets {
				if p.Primary == primary {
					a.add(p.IPv6Address)
				}
			}
		}
	}
	return a
}

// PublicAddrs returns the fixed public addresses, followed by the elastic one. Values that are not addresses are
// left out. The result is nil if there are none.
func (i Instance) PublicAddrs() []netip.Addr {
	var a addrs
	a.add(i.PublicIPAddress...)
	a.add(i.EIPAddress.IPAddress)
	return a
}

// PrivateAddr returns the address at which the instance can be reached from inside its network: the primary
// private address, or else an inner address (classic network), or else an IPv6 address. If there is none, it
// returns the zero Addr, which is not valid.
func (i Instance) PrivateAddr() netip.Addr {
	if a := i.PrivateAddrs(); len(a) > 0 {
		return a[0]
	}
	return netip.Addr{}
}

// primary returns the primary address of the network interface that is marked as primary.
func (i Instance) primary() string {
	for _, n := range i.NetworkInterfaces {
		if n.Type == NetworkInterfaceTypePrimary {
			return n.PrimaryIPAddress
		}
	}
	return ""
}

// addrs is a list of valid addresses without duplicates.
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
