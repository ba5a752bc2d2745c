package ecs

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// checked makes sure that an empty listing is true.
func (l *listing) verifyEmpty(ctx context.Context, req DescribeInstancesRequest) error {
	if l.rows > 0 || l.trustEmpty || req.matchesNothing() {
		return nil
	}
	_, err := l.client.confirmEmpty(ctx, req)
	return err
}

// confirmEmpty is dryRunEmpty, without an error where the listing is believed.
func (c *Client) confirmEmpty(ctx context.Context, req DescribeInstancesRequest) (sure bool, err error) {
	sure, err = c.dryRunEmpty(ctx, req)
	if sure {
		return true, err
	}
	c.logger.LogAttrs(ctx, slog.LevelWarn, "ecs: an empty listing could not be checked by a dry run and is believed",
		slog.String("region", c.region), slog.String("reason", err.Error()))
	return false, nil
}

// dryRunEmpty finds out by a dry run whether an empty listing is true: a caller without permission gets an empty list,
// not an error.
//
//	the dry run …                           the empty listing …
//	passes                                  is true
//	is denied                               was not shown: its error, ErrForbidden
//	is denied for want of another action    is believed: the caller may list, but not dry-run
//	fails in another way, or is ignored     is believed: that says nothing about the list
//	does not end before ctx, or would not   ends with the context's error
//
// Where it can only be believed, sure is false and err says why.
func (c *Client) dryRunEmpty(ctx context.Context, req DescribeInstancesRequest) (sure bool, err error) {
	req.MaxResults, req.NextToken = 0, ""
	if len(req.InstanceIDs) > maxPerRequest {
		req.InstanceIDs = req.InstanceIDs[:maxPerRequest]
	}
	err = c.DryRun(ctx, req)
	if err == nil || ctx.Err() != nil || transport.PastDeadline(err) {
		return true, err
	}
	var e *Error
	if errors.As(err, &e) && errors.Is(e, ErrForbidden) {
		return e.AccessDenied == nil || e.AccessDenied.AuthAction == "" || strings.EqualFold(e.AccessDenied.AuthAction, "ecs:"+describeInstances), err
	}
	return false, err
}
