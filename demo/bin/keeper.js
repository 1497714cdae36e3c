require("../../scripts/typescript")
require("../run/keeper.ts").main()
