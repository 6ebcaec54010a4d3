# Real surveys by R survey: European Social Survey 10, Norway (stevedata/ESS10NO, with
# weights, strata and clusters; export_data.py writes it to the temporary folder), and
# World Values Survey 1995-97 (carData/WVS, four countries).
# Writes real_data.json beside this script: Rscript tests/analysis/references/real_data.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
ess <- read.csv(file.path(dirname(tempdir()), "parallax-references", "ess10no.csv"))
norway <- svydesign(~psu, strata = ~stratum, weights = ~pspwght, data = ess, nest = TRUE)
world <- svydesign(~1, strata = ~country, weights = ~1, data = carData::WVS)

by_group <- function(formula, group, design) {
  fit <- svyby(formula, group, design, svymean, deff = "replace")
  columns <- function(x) as.vector(t(as.matrix(x)))
  n <- attr(fit, "svyby")$nstats
  list(estimate = columns(fit[, 1 + seq_len(n)]), std_error = columns(SE(fit)),
       deff = columns(fit[, grep("^DEff", names(fit))]))
}
join <- confint(svyciprop(~I(eu_vote == "Join EU"), norway, method = "beta"))
difference <- svyglm(as.numeric(poverty == "Too Little") ~ country, world)

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey"), "carData",
                    packageVersion("carData")),
  degf = degf(norway),
  immigration_by_region = by_group(~imwbcnt, ~region, subset(norway, !is.na(imwbcnt))),
  vote_by_gender = by_group(~eu_vote, ~female, norway),
  join = as.vector(join),
  poverty_by_country = by_group(~poverty, ~country, world),
  too_little_minus_australia = list(
    estimate = unname(coef(difference))[-1], std_error = unname(SE(difference))[-1])
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "real_data.json"))
