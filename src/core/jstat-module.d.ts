declare module "jstat" {
  const jStat: {
    /** Inverse of the regularised lower incomplete gamma function in its second argument. */
    gammapinv(p: number, a: number): number;
    /** Inverse of the regularised incomplete beta function. */
    ibetainv(p: number, a: number, b: number): number;
  };
  export default { jStat };
}
