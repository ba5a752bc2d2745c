package ecs

import (
	"net/netip"
	"slices"
)

// PrivateAddrs returns the addresses of the instance within its network, the primary one first: in a VPC those of all its
// interfaces, secondary addresses included; in the classic network the inner addresses; at the end the IPv6 addresses (see
// [Instance.IPv6Addrs]). Each is there once. Texts that are not addresses are left out; nil if there are none.
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

// IPv6Addrs returns the IPv6 addresses of the network interfaces, primary ones first, each once. The API reports them only
// with [AdditionalAttributeNetworkPrimaryENIIP]. Texts that are not addresses are left out; nil if there are none.
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

// PublicAddrs returns the fixed public addresses, and then the elastic one. Texts that are not addresses are left out; nil if
// there are none.
func (i Instance) PublicAddrs() []netip.Addr {
	var a addrs
	a.add(i.PublicIPAddress...)
	a.add(i.EIPAddress.IPAddress)
	return a
}

// PrivateAddr returns the address at which the instance is reached from inside its network: the primary private address, or
// else an inner address (classic network), or else an IPv6 address. It returns the zero Addr, which is not valid, if there is none.
func (i Instance) PrivateAddr() netip.Addr {
	if a := i.PrivateAddrs(); len(a) > 0 {
		return a[0]
	}
	return netip.Addr{}
}

// primary returns the primary address of the interface that is marked as the primary one.
func (i Instance) primary() string {
	for _, n := range i.NetworkInterfaces {
		if n.Type == NetworkInterfaceTypePrimary {
			return n.PrimaryIPAddress
		}
	}
	return ""
}

// addrs is a list of valid addresses, each of which is there once.
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
