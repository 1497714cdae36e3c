require("./setup").prepare()
