package ecs

import (
	"net/netip"
	"slices"
)

// PrivateAddrs returns the instance's private addresses without duplicates: the primary address first, and IPv6
// addresses last. In a VPC, these are the addresses of all network interfaces; in the classic network, they are the
// inner addresses. Invalid and unspecified addresses are skipped. PrivateAddrs returns nil if the instance has no
// private address.
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

// IPv6Addrs returns the IPv6 addresses of the instance's network interfaces without duplicates. The addresses of the
// primary interface come first. IPv6Addrs returns nil if the instance has no IPv6 address.
//
// The API returns IPv6 addresses only if the request includes [AdditionalAttributeNetworkPrimaryENIIP].
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

// PublicAddrs returns the instance's fixed public addresses, followed by its elastic IP address. Invalid and
// unspecified addresses are skipped. PublicAddrs returns nil if the instance has no public address.
func (i Instance) PublicAddrs() []netip.Addr {
	var a addrs
	a.add(i.PublicIPAddress...)
	a.add(i.EIPAddress.IPAddress)
	return a
}

// PrivateAddr returns the address at which the instance can be reached from inside its network. It is the first address
// of [Instance.PrivateAddrs], or the zero Addr if the instance has no private address.
func (i Instance) PrivateAddr() netip.Addr {
	if a := i.PrivateAddrs(); len(a) > 0 {
		return a[0]
	}
	return netip.Addr{}
}

// primary returns the primary address of the primary network interface, or "" if no interface is marked as primary.
func (i Instance) primary() string {
	for _, n := range i.NetworkInterfaces {
		if n.Type == NetworkInterfaceTypePrimary {
			return n.PrimaryIPAddress
		}
	}
	return ""
}

// addrs is a list of valid IP addresses without duplicates.
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
