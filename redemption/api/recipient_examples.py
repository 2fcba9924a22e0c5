"""Examples of adding recipients for the OpenAPI page."""

from credit.api.upload_examples import upload_examples

UPLOAD = upload_examples(
    sent={
        "application/json": (
            "Two people",
            {
                "recipients": [
                    {
                        "first_name": "Ana",
                        "last_name": "Sample",
                        "phone": "(202) 555-0143",
                        "email": "ana@example.com",
                        "country": "US",
                        "external_crm_id": "A-1",
                    },
                    {
                        "first_name": "Bo",
                        "external_crm_id": "A-2",
                        "redemption_code": "QR4K-7M2P-XN9T",
                    },
                ]
            },
        ),
        "text/csv": (
            "A file",
            "first_name,phone,external_crm_id\nAna,(202) 555-0143,A-1\nBo,,A-2\n",
        ),
    },
    row={
        "line": 3,
        "field": "phone",
        "message": "This number doesn't exist. Please check each digit.",
    },
    imported={
        "recipients": [
            {
                "id": "5f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d406",
                "external_crm_id": "A-1",
                "redemption_code": "7K3M-Q9TX-2WBE8",
            },
            {
                "id": "6a2d3e4f-5b6c-4d7e-9f80-a1b2c3d4e507",
                "external_crm_id": "A-2",
                "redemption_code": "QR4K7M2PXN9T",
            },
        ]
    },
    previewed={"recipients": []},
)
