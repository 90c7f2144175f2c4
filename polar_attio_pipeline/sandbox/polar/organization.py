"""The organization as Polar's JSON: an ordinary one with every setting at its default."""

from typing import Any

from polar_attio_pipeline.sandbox.polar.render import timestamp
from polar_attio_pipeline.sandbox.polar.rows import Organization

_FEATURES_OFF = (
    "issue_funding_enabled", "seat_based_pricing_enabled", "unit_based_pricing_enabled", "wallets_enabled",
    "checkout_localization_enabled", "reset_proration_behavior_enabled", "off_session_charges_enabled",
    "meter_cycling_enabled", "slack_benefit_enabled", "preview_access_enabled", "disputes_enabled", "sso_enabled",
    "dispute_auto_accept_enabled", "compass_enabled", "merchant_migration_enabled",
)  # fmt: skip
_EMAILS_ON = (
    "order_confirmation", "payment_method_expiration_reminder", "subscription_cancellation",
    "subscription_confirmation", "subscription_cycled", "subscription_cycled_after_trial", "subscription_past_due",
    "subscription_paused", "subscription_resumed", "subscription_renewal_reminder", "subscription_revoked",
    "subscription_trial_conversion_reminder", "subscription_uncanceled", "subscription_updated",
)  # fmt: skip
_CAPABILITIES = (
    "checkout_payments", "subscription_renewals", "payouts", "refunds", "api_access", "dashboard_access",
)  # fmt: skip
_UNSET = (
    "avatar_url", "bio", "company", "blog", "location", "twitter_username", "default_upfront_split_to_contributors",
    "email", "website", "details_submitted_at", "onboarding_resubmission_requested_at", "country", "account_id",
    "payout_account_id",
)  # fmt: skip


def organization_json(row: Organization) -> dict[str, Any]:
    """Return the organization as `GET /v1/organizations/` lists it."""
    return {
        **dict.fromkeys(_UNSET),
        "created_at": timestamp(row.created_at),
        "modified_at": None,
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "proration_behavior": "prorate",
        "allow_customer_updates": True,
        "pledge_minimum_amount": 0,
        "pledge_badge_show_amount": False,
        "socials": [],
        "status": "active",
        "sso_enforced": False,
        "default_presentment_currency": "usd",
        "default_tax_behavior": "location",
        "feature_settings": {
            **dict.fromkeys(_FEATURES_OFF, False),
            "member_model_enabled": row.member_model,
            "overview_metrics": None,
        },
        "subscription_settings": {
            "allow_multiple_subscriptions": False,
            "proration_behavior": "prorate",
            "benefit_revocation_grace_period": 0,
            "prevent_trial_abuse": False,
            "allow_customer_updates": True,
        },
        "customer_email_settings": dict.fromkeys(_EMAILS_ON, True),
        "customer_portal_settings": {
            "usage": {"show": True},
            "subscription": {"update_seats": True, "update_plan": True},
            "customer": {"allow_email_change": False},
        },
        "dispute_settings": {"auto_accept_below_amount": None},
        "embed_hosts": [],
        "embed_hosts_enforced": True,
        "capabilities": dict.fromkeys(_CAPABILITIES, True),
        "notification_settings": {
            "new_order": True,
            "new_subscription": True,
            "chargeback_prevention": True,
            "subscription_renewal": False,
        },
    }
