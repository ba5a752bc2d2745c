package transport

// Advice shared by several codes.
const (
	adviceClock      = "set this machine's clock"
	adviceKeySecret  = "check the access key secret"
	adviceKeyOff     = "the access key is disabled: enable it or use another"
	adviceNotOpen    = "this operation is not enabled for the account, and no RAM policy can permit it: contact the vendor"
	adviceRAMUser    = "RAM users and roles cannot be permitted to call this operation: use a key of the account itself"
	adviceRegionShut = "the region is not enabled for this account, and no RAM policy can permit it: exclude the region, or contact the vendor"
	adviceAccount    = "check the state of the account"
	adviceBalance    = "the account's balance is too low, or a payment is overdue: top up the account"
	adviceValueShut  = "this value is not enabled for the account, and no RAM policy can permit it: contact the vendor"
)

// codeRules maps the API's error codes to their kinds. In a pattern, "*" stands for any sequence of characters;
// the first rule that matches wins. A rule with class 0 marks codes that belong to no kind: states, quotas and
// limits, for which neither a retry nor a permission helps. The API has several spellings for the same code,
// including misspellings.
var codeRules = []struct {
	pattern string
	class   Class
	advice  string
}{
	{"Throttling*", Throttled, ""},
	{"DryRunOperation", 0, ""}, // the dry run passed

	// Failures of the service.
	{"InternalError*", transient, ""},
	{"ServiceUnavailable*", transient, ""},
	{"UnknownError", transient, ""},
	{"RequestTimeout", transient, ""},
	{"InnerServiceFailed", transient, ""},
	{"NodeControllerUnavailable", transient, ""},
	{"SignatureNonceUsed", transient, ""}, // a proxy or network device sent the same request twice

	// Keys, signatures and time.
	{"InvalidTimeStamp.Expired", Credentials | skew, adviceClock},
	{"IllegalTimestamp", Credentials | skew, adviceClock},
	{"InvalidTimeStamp*", Credentials, ""},
	{"InvalidSecurityToken.MismatchWithAccessKey", Credentials | renewKey, "the token belongs to another key: set the id, secret and token of the same key"},
	{"InvalidSecurityToken*", Credentials | renewKey, "get new temporary credentials"},
	{"MissingSecurityToken", Credentials | renewKey, "this temporary key requires its security token: set both"},
	{"InvalidAccessKeyId.Inactive", Credentials | renewKey, adviceKeyOff},
	{"InvalidAccessKeyId*", Credentials | renewKey, "check the access key id: it is unknown or disabled"},
	{"Forbidden.AccessKeyDisabled", Credentials | renewKey, adviceKeyOff},
	{"MissingAccessKeyId", Credentials, "the request reached the API without its access key id: check the proxies"},
	{"SignatureDoesNotMatch", Credentials, adviceKeySecret},
	{"IncompleteSignature", Credentials, adviceKeySecret},

	// Denials that no permission can resolve.
	{"Forbidden.RiskControl", Forbidden, "the account is under risk control: contact the vendor"},
	{"Forb*.NotSupportRAM", Forbidden, adviceRAMUser},
	{"Forb*.SubUser", Forbidden, adviceRAMUser},
	{"Forb*.RegionId", Forbidden, adviceRegionShut},
	{"UnauthorizedRegion*", Forbidden, adviceRegionShut},
	{"RegionUnauthorized*", Forbidden, adviceRegionShut},
	{"Unauthorized.EmptyRegion", Forbidden, adviceRegionShut},
	{"InvalidAction.Unauthorized", Forbidden, adviceNotOpen},
	{"ActionUnauthorized", Forbidden, adviceNotOpen},
	{"InvalidUser.NotInWhiteList", Forbidden, adviceNotOpen},
	{"UserNotInTheWhiteList", Forbidden, adviceNotOpen},
	{"InvalidUserData.Forbidden", Forbidden, adviceValueShut},
	{"InvalidDiskCategory.*Unauthorized", Forbidden, adviceValueShut},
	{"InvalidSystemDiskCategory.*Unauthorized", Forbidden, adviceValueShut},
	{"InvalidInstanceType.*Unauthorized", Forbidden, adviceValueShut},
	{"*KMSUnauthorized", Forbidden, "ECS may not use the KMS key: authorize it in KMS"},
	{"*InvalidAccount.NotFound", Forbidden, adviceAccount},
	{"InvalidAccount.Forb*", Forbidden, adviceAccount},
	{"ChargeTypeViolation", Forbidden, adviceAccount},
	{"RealNameAuthenticationError", Forbidden, "the account must pass real-name authentication first"},
	{"InsufficientBalance*", Forbidden, adviceBalance},
	{"*Arrearage*", Forbidden, adviceBalance},
	{"*NotEnoughBalance*", Forbidden, adviceBalance},

	// Denials that a permission resolves.
	{"InvalidUser.*", Forbidden, ""}, // Unauthorized, PassRoleForbidden
	{"Forbidden*", Forbidden, ""},
	{"Forbbiden*", Forbidden, ""},
	{"Forbedden*", Forbidden, ""},
	{"NoPermission*", Forbidden, ""},
	{"NoPermisson*", Forbidden, ""},
	{"PermissionDenied*", Forbidden, ""},
	{"AuthenticationFail*", Forbidden, ""},
	{"AccessDenied*", Forbidden, ""},
	{"*Unauthorized*", Forbidden, ""},

	// Endpoints and regions.
	{"InvalidOperation.NotSupportedEndpoint", Invalid, "this endpoint does not serve the region: leave the endpoint empty or use the region's own"},
	{"InvalidRegionId*", Invalid, "check the region id"},
	{"InvalidRegion*", Invalid, "check the region id and the endpoint"},
	{"Invalid.RegionId", Invalid, "check the region id"},
	{"*Region*.NotFound", Invalid, "check the region id"},
	{"RegionId.ApiNotSupported", Invalid, "the region does not offer this operation"},
	{"InvalidApi.NotFound", Invalid, "this endpoint does not know the operation: check its name and the endpoint"},
	{"InvalidProduct.NotFound", Invalid, "this endpoint does not serve ECS: check the endpoint"},
	{"InvalidProtocol.NeedSsl", Invalid, "use https"},

	// A value that does not exist is an invalid parameter; a resource that does not exist is not found.
	{"*ValueNotSupported", Invalid, ""},
	{"*Zone*.NotFound", Invalid, ""},
	{"*Type.NotFound", Invalid, ""},
	{"*Status.NotFound", Invalid, ""},
	{"*Reason.NotFound", Invalid, ""},
	{"*FilterKey.NotFound", Invalid, ""},
	{"*Language.NotFound", Invalid, ""},
	{"Credit.NotFound", 0, ""}, // of the account
	{"*.NotFound", NotFound, ""},
	{"*.NotExist", NotFound, ""},
	{"*NotExists*", NotFound, ""},
	{"EntityNotExist*", NotFound, ""},
	{"NoSuch*", NotFound, ""},
	{"VpcNotFound", NotFound, ""},

	// States, quotas and limits.
	{"InvalidParam*", Invalid, ""},        // matches any suffix: a parameter may be named after a status or a limit
	{"Invalid*.ExceedLimit", Invalid, ""}, // too many values in one parameter
	{"*QuotaExceed*", 0, ""},
	{"*LimitExceed*", 0, ""},
	{"*ExceedLimit*", 0, ""},
	{"*ExceedQuota*", 0, ""},
	{"Incorrect*", 0, ""},
	{"InvalidOperation*", 0, ""},
	{"Invalid*Status*", 0, ""},
	{"Operation*", 0, ""},
	{"Dependency*", 0, ""},
	{"Idempot*", 0, ""},
	{"Last*Processing", 0, ""},

	// Parameters.
	{"Invalid*", Invalid, ""},
	{"InValid*", Invalid, ""},
	{"Missing*", Invalid, ""},
	{"Incomplete*", Invalid, ""},
	{"Unsupported*", Invalid, ""},
	{"NotSupported*", Invalid, ""},
	{"NumberExceed*", Invalid, ""},
	{"Duplicate*", Invalid, ""},
	{"Parameter*", Invalid, ""},
	{"*.Malformed", Invalid, ""},
	{"*.MalFormed", Invalid, ""},
}
