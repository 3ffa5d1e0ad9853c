scripts/write-contract-docs --take contract.json
