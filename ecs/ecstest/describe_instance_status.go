package ecstest

const maxStatusPageSize = 50

func (s *Server) describeInstanceStatus(x *exchange, p *params) any {
	q := &query{
		ids:    p.repeated("InstanceId", maxListLength),
		number: p.number("PageNumber", 1, 1, 0),
		size:   p.number("PageSize", defaultPageSize, 1, maxStatusPageSize),
	}
	if zone := p.Get("ZoneId"); zone != "" {
		q.where(func(i *item) bool { return i.ZoneID == zone })
	}
	if p.err != nil {
		return nil
	}
	found := s.fleet.page(x, q)
	list := []object{}
	for _, it := range found.rows {
		list = append(list, object{"InstanceId": it.InstanceID, "Status": it.Status})
	}
	return object{
		"RequestId": x.requestID, "TotalCount": found.total, "PageNumber": q.number, "PageSize": q.size,
		"InstanceStatuses": object{"InstanceStatus": list},
	}
}
