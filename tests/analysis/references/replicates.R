# Replicate weights by R survey, on survey.csv.
# Writes replicates.json beside this script: Rscript tests/analysis/references/replicates.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$urban <- d$urban == "True"
d$approval <- factor(d$approval, c("strongly approve", "approve", "neither",
                                   "disapprove", "strongly disapprove"))
d$apart <- ifelse(d$cluster == "CN-1-1", "apart", d$stratum)
d$person <- seq_len(nrow(d))
d$n_adults <- ave(d$person, d$cluster, FUN = length) * 2
pairs <- subset(d, psu <= 2)

estimates <- function(design) {
  trust <- subset(design, !is.na(trust))
  answered <- subset(design, !is.na(approval))
  urban <- subset(design, urban & psu < 3 & !is.na(trust))
  germany <- subset(trust, country == "DE")
  statistic <- function(fit) list(estimate = unname(coef(fit)),
                                  covariance = unname(as.matrix(vcov(fit))))
  by <- svyby(~trust, ~country, trust, svymean, covmat = TRUE)
  list(
    mean = c(statistic(svymean(~trust, trust)), df = degf(trust),
             list(deff = unname(deff(svymean(~trust, trust, deff = "replace"))))),
    total = statistic(svytotal(~trust, trust)),
    domain = c(statistic(svymean(~trust, urban)), df = degf(urban)),
    shares = statistic(svymean(~approval, answered)),
    by = list(estimate = by$trust, covariance = unname(vcov(by)), df_germany = degf(germany)))
}

complex <- function(strata = ~stratum, data = d, ...) svydesign(
  ~cluster, strata = strata, weights = ~design_weight, data = data, ...)
clusters <- svydesign(~cluster, weights = ~design_weight, data = d)
finite <- svydesign(~cluster, weights = ~design_weight, data = d,
                    fpc = rep(70, nrow(d)))
made <- list(
  JK1 = as.svrepdesign(clusters, "JK1"),
  JK1_finite = as.svrepdesign(finite, "JK1"),
  JK1_mse = as.svrepdesign(clusters, "JK1", mse = TRUE),
  JKn = as.svrepdesign(complex(), "JKn"),
  JKn_mse = as.svrepdesign(complex(), "JKn", mse = TRUE),
  JKn_finite = as.svrepdesign(complex(fpc = ~n_psu), "JKn"))
for (rule in c("remove", "certainty", "adjust", "average")) {
  options(survey.lonely.psu = rule)
  made[[paste0("JKn_", rule)]] <- as.svrepdesign(complex(~apart), "JKn")
}

set.seed(20261124)
two <- svydesign(~cluster + person, strata = ~stratum, fpc = ~n_psu + n_adults,
                 weights = ~design_weight, data = d)
given <- list(
  BRR = as.svrepdesign(complex(data = pairs), "BRR"),
  Fay = as.svrepdesign(complex(data = pairs), "Fay", fay.rho = 0.3),
  bootstrap = as.svrepdesign(complex(), "subbootstrap", replicates = 30),
  bootstrap_mse = as.svrepdesign(complex(), "subbootstrap", replicates = 20, mse = TRUE),
  canty_davison = as.svrepdesign(complex(fpc = ~n_psu), "bootstrap", replicates = 20),
  preston = as.svrepdesign(two, "mrbbootstrap", replicates = 8))
full <- function(design) {
  weights <- weights(design, "replication")
  if (is.list(weights)) weights <- weights$weights[weights$index, ]
  unname(as.matrix(weights))
}
imported <- lapply(given, function(design) {
  rows <- design$variables$person
  factors <- full(design)
  unit <- if (identical(factors, factors[match(design$variables$cluster,
                                               design$variables$cluster), ]))
    design$variables$cluster else rows
  keep <- !duplicated(unit)
  c(list(units = unit[keep], factors = signif(factors[keep, ], 17), scale = design$scale,
         rscales = design$rscales), estimates(design))
})

# Full balance: any set of half-samples gives the same variance of a total.
balanced <- list(
  BRR = unname(vcov(svytotal(~aware, subset(given$BRR, !is.na(aware))))[1]),
  Fay = unname(vcov(svytotal(~aware, subset(given$Fay, !is.na(aware))))[1]),
  linearized = unname(vcov(svytotal(~aware, subset(complex(data = pairs), !is.na(aware))))[1]))

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  made = lapply(made, function(design) c(
    list(scale = design$scale, rscales = design$rscales), estimates(design))),
  imported = imported, balanced = balanced
), digits = NA, auto_unbox = TRUE), file.path(here, "replicates.json"))
