"""The attributes of companies that the sync writes, declared once; `polar-attio setup` creates them."""

from decimal import Decimal

from polar_attio_pipeline.sync.attributes import SUBSCRIPTIONS
from polar_attio_pipeline.sync.companies.groups import Company
from polar_attio_pipeline.sync.mapping import Attribute, Policy
from polar_attio_pipeline.sync.records import ValueType

COMPANY_ATTRIBUTES: tuple[Attribute[Company], ...] = (
    Attribute(
        key="polar_customer",
        title="Polar customer",
        description="Customers in Polar have addresses of this company. Kept by the Polar to Attio sync.",
        types=(ValueType.CHECKBOX,),
        policy=Policy.ALWAYS,
        source="Checked while a customer has an address at one of the company's domains.",
        value=lambda company: company.mark,
        required=True,
    ),
    Attribute(
        key="polar_customer_count",
        title="Polar customers",
        description="How many customers in Polar have an address of this company.",
        types=(ValueType.NUMBER,),
        source="Customers by the domain of their address.",
        value=lambda company: None if company.customers is None else Decimal(company.customers),
    ),
    Attribute(
        key="polar_mrr",
        title="Polar MRR",
        description="Monthly recurring revenue of all customers of this company, after discounts.",
        types=(ValueType.CURRENCY,),
        source="Sum of the customers' monthly recurring revenue, in the attribute's currency only.",
        value=lambda company: company.mrr,
        scope=SUBSCRIPTIONS,
    ),
)

COMPANY_BY_KEY = {attribute.key: attribute for attribute in COMPANY_ATTRIBUTES}
